/** Writes the rewritten text of functions, classes and statements; expressions have a file of their own. */
import type * as es from "acorn";
import { ExpressionWriter } from "./write_expressions.ts";
import { type AnyNode, childrenOf, isFunction } from "./parse.ts";
import { changedIn, patternNames, type Scope } from "./scope.ts";

type Loop = es.ForStatement | es.ForInStatement | es.ForOfStatement | es.WhileStatement | es.DoWhileStatement;

/** Writes functions and statements. */
export class Writer extends ExpressionWriter {
  private readonly ids = new Map<AnyNode, number>();

  /** The text of a function or class that stands alone. */
  root(node: AnyNode): string {
    return node.type === "ClassExpression"
      ? this.classBody(node, true)
      : `(${this.functionText(node as es.FunctionExpression)})`;
  }

  /** Parameters and body of a method, after its name. */
  method(node: es.FunctionExpression, property: es.Property): string {
    if (property.computed) this.checkKey(property.key);
    return this.functionTail(node);
  }

  private checkKey(key: AnyNode): void {
    if (key.type !== "Literal" && key.type !== "MemberExpression" && key.type !== "Identifier") {
      this.refuse(key, "A computed method name", "name the method");
    }
  }

  protected override functionText(node: es.FunctionExpression | es.ArrowFunctionExpression): string {
    if (node.type === "ArrowFunctionExpression") return this.functionTail(node);
    return `function ${node.id?.name ?? ""}${this.functionTail(node)}`;
  }

  /** A function from its parameters on. */
  private functionTail(node: es.FunctionExpression | es.ArrowFunctionExpression): string {
    if (node.async) this.refuse(node, "An async function", "capture is synchronous: load data before the export");
    if (node.generator) this.refuse(node, "A generator function", "fill an array and return it");
    let at = node.type === "ArrowFunctionExpression" ? node.start : node.id?.end ?? node.start;
    let params = "";
    for (const [i, param] of node.params.entries()) {
      params += (i > 0 ? "," : "") + this.lines(at, param.start) + this.write(param);
      at = param.end;
    }
    params += this.lines(at, node.body.start);
    const arrow = node.type === "ArrowFunctionExpression" ? " => " : " ";
    const body = node.body.type === "BlockStatement" ? this.functionBody(node) : `(${this.write(node.body)})`;
    return `(${params})${arrow}${body}`;
  }

  private functionBody(node: es.FunctionExpression | es.ArrowFunctionExpression): string {
    const body = node.body as es.BlockStatement;
    const params = new Set(node.params.flatMap((param) => patternNames(param).map(({ name }) => name)));
    const vars = this.hoisted(node).filter((name) => !params.has(name));
    const start = vars.length > 0 ? ` var ${vars.join(", ")};` : "";
    // A return at the end of the body is one; all other exits are values of closures.
    const isPlain = body.body.every((s) => s.type === "ReturnStatement" || !this.context.exits.leaving.has(s));
    if (isPlain) return `{${start}${this.list(body.body, body.start + 1, body.end - 1, body, false)}}`;
    const list = this.list(body.body, body.start + 1, body.end - 1, body, true);
    return `{${start} return $.body(${this.site(body)}, () => {${list}}); }`;
  }

  /** Names that `var` declares in a function. */
  private hoisted(fn: AnyNode): string[] {
    const names = new Set<string>();
    const visit = (node: AnyNode): void => {
      if (node !== fn && (isFunction(node) || node.type === "ClassBody")) return;
      if (node.type === "VariableDeclaration" && node.kind === "var") {
        for (const { id } of node.declarations) for (const { name } of patternNames(id)) names.add(name);
      }
      for (const child of childrenOf(node)) visit(child);
    };
    visit(fn);
    return [...names];
  }

  /**
   * Statements in a row.
   *
   * @param isClosure whether exits are values that the closure around them returns
   */
  private list(statements: readonly AnyNode[], from: number, to: number, block: AnyNode, isClosure: boolean): string {
    const split = isClosure ? statements.findIndex((s) => this.context.exits.leaving.has(s) && isCompound(s)) : -1;
    const before = split < 0 ? statements : statements.slice(0, split + 1);
    const isDeclared = (s: AnyNode): s is es.FunctionDeclaration => s.type === "FunctionDeclaration";
    let out = before.filter(isDeclared).map(({ id }) => ` $.fn(${id.name});`).join("");
    for (const late of statements.slice(before.length).filter(isDeclared)) this.checkLate(late, before);
    let at = from;
    for (const [i, statement] of statements.entries()) {
      out += this.copy(at, statement.start);
      at = statement.end;
      if (isClosure && this.context.exits.leaving.has(statement)) {
        if (!isCompound(statement)) {
          out += this.statement(statement, true);
          continue;
        }
        const rest = statements.slice(i + 1);
        const scope = this.context.analysis.scopes.get(block) ?? null;
        return out + this.leavingStatement(statement, rest, to, block, scope) +
          (rest.length === 0 ? this.copy(at, to) : "");
      }
      out += this.statement(statement, isClosure);
    }
    return out + this.copy(at, to);
  }

  /** Refuses a function that is declared after an early exit and used before it: it is out of sight there. */
  private checkLate({ id }: es.FunctionDeclaration, before: readonly AnyNode[]): void {
    const uses = (at: AnyNode): boolean =>
      at.type === "Identifier" ? at.name === id.name : childrenOf(at).some((child) => uses(child));
    if (before.some(uses)) {
      this.refuse(id, `A function (${id.name}) that is declared after an early exit and used before it`, "move it up");
    }
  }

  /** A statement that may be left early, with all that follows it in its list. */
  private leavingStatement(
    statement: AnyNode,
    rest: readonly AnyNode[],
    to: number,
    block: AnyNode,
    scope: Scope | null,
  ): string {
    const region: [number, number] = [statement.start, to];
    const names = changedIn(this.context.analysis, region, scope?.node === block ? scope : null);
    const follow = rest.length === 0
      ? "null, null"
      : `${this.state(names)}, () => {${this.list(rest, statement.end, to, block, true)}}`;
    if (statement.type === "IfStatement") return `return ${this.ifCall(statement, true)}, ${follow});`;
    return `return $.then(${this.site(statement)}, ${this.completion(statement)}, ${follow});`;
  }

  /** A statement that may be left early as an expression: what it gives is its exit. */
  private completion(node: AnyNode): string {
    switch (node.type) {
      case "BlockStatement":
        return `(() => {${this.list(node.body, node.start + 1, node.end - 1, node, true)}})()`;
      case "LabeledStatement":
        if (this.isLoop(node.body)) return this.loop(node.body, node.start);
        return `$.label(${this.id(node)}, ${this.closure(node.body)})`;
      case "SwitchStatement":
        return this.switchCall(node);
      case "TryStatement":
        return this.tryCall(node);
      default:
        if (this.isLoop(node)) return this.loop(node, node.start);
        throw new TypeError(`A ${node.type} has no exit`);
    }
  }

  /** A statement from which no exit leads, or that is one. */
  private statement(node: AnyNode, isClosure: boolean): string {
    switch (node.type) {
      case "ExpressionStatement":
        return `${this.unused(node.expression)};`;
      case "VariableDeclaration":
        return this.declaration(node);
      case "ReturnStatement": {
        const value = node.argument
          ? this.lines(node.start, node.argument.start) + this.write(node.argument)
          : "undefined";
        return isClosure ? `return $.ret(${value});` : node.argument ? `return (${value});` : "return;";
      }
      case "BreakStatement":
        return `return $.brk(${this.id(this.context.exits.targets.get(node)!)});`;
      case "ContinueStatement":
        return `return $.cont(${this.id(this.context.exits.targets.get(node)!)});`;
      case "IfStatement":
        return `${this.ifCall(node, false)});`;
      case "ThrowStatement":
        return `throw $.thrown(${this.site(node)}, ${this.lines(node.start, node.argument.start)}${
          this.message(node.argument)
        });`;
      case "BlockStatement":
        return `{${this.list(node.body, node.start + 1, node.end - 1, node, isClosure)}}`;
      case "FunctionDeclaration":
        return `${this.functionText(node as unknown as es.FunctionExpression)}`;
      case "ClassDeclaration":
        return `${this.classBody(node as es.ClassDeclaration)} $.cls(${(node as es.ClassDeclaration).id.name});`;
      case "SwitchStatement":
        return `${this.switchCall(node)};`;
      case "TryStatement":
        return `${this.tryCall(node)};`;
      case "LabeledStatement":
        return `${this.completion(node)};`;
      case "EmptyStatement":
        return ";";
      case "DebuggerStatement":
        return "debugger;";
      default:
        if (this.isLoop(node)) return `${this.loop(node, node.start)};`;
        this.refuse(node, `A ${node.type}`, "write it another way");
        return ";";
    }
  }

  private declaration(node: es.VariableDeclaration): string {
    if (node.kind !== "var") {
      let out = "", at = node.start;
      for (const declarator of node.declarations) {
        out += this.copy(at, declarator.start) + this.declarator(declarator);
        at = declarator.end;
      }
      return out + this.copy(at, node.end) + (this.context.text[node.end - 1] === ";" ? "" : ";");
    }
    // The names are declared at the top of the function.
    let out = "", at = node.start;
    for (const { id, init, start, end } of node.declarations) {
      out += this.lines(at, start);
      if (init) out += `(${this.write(id)} = ${this.lines(id.end, init.start)}${this.source(id, init)}); `;
      at = end;
    }
    return out || ";";
  }

  private declarator({ id, init }: es.VariableDeclarator): string {
    if (!init) return this.write(id);
    return `${this.write(id)} = ${this.lines(id.end, init.start)}${this.source(id, init)}`;
  }

  /** A statement as a closure's body. */
  private closure(node: AnyNode, params = ""): string {
    if (node.type === "BlockStatement") {
      return `(${params}) => {${this.list(node.body, node.start + 1, node.end - 1, node, true)}}`;
    }
    return `(${params}) => {${this.list([node], node.start, node.end, node, true)}}`;
  }

  /** A call of `$.if` up to the variables that its branches change. */
  private ifCall(node: es.IfStatement, isLeaving: boolean): string {
    const { test, consequent, alternate } = node;
    const names = changedIn(this.context.analysis, [test.end, node.end]);
    const parts = [
      `$.if(${this.site(node.test)}, ${this.lines(node.start, test.start)}${this.condition(test)}`,
      this.lines(test.end, consequent.start) + this.closure(consequent),
      alternate ? this.lines(consequent.end, alternate.start) + this.closure(alternate) : "null",
      this.state(names),
    ];
    return parts.join(", ") + (isLeaving ? "" : ", null, null");
  }

  private isLoop(node: AnyNode): node is Loop {
    return /^(For|ForIn|ForOf|While|DoWhile)Statement$/.test(node.type);
  }

  /** A loop as an expression whose value is the exit it is left by. */
  private loop(node: Loop, start: number): string {
    const id = this.id(node);
    const lead = this.lines(start, node.start);
    switch (node.type) {
      case "WhileStatement": {
        const { test, body } = node;
        const state = this.state(changedIn(this.context.analysis, [node.start, node.end]));
        const isEndless = test.type === "Literal" && test.value === true;
        const asked = isEndless ? "null" : `() => (${this.condition(test)})`;
        return `${lead}$.loop(${this.site(test)}, ${id}, ${this.lines(node.start, test.start)}${asked}, null, ${
          this.lines(test.end, body.start)
        }${this.closure(body)}, ${state})`;
      }
      case "DoWhileStatement": {
        const { test, body } = node;
        const state = this.state(changedIn(this.context.analysis, [node.start, node.end]));
        return `${lead}$.doWhile(${this.site(test)}, ${id}, ${this.lines(node.start, body.start)}${
          this.closure(body)
        }, ${this.lines(body.end, test.start)}() => (${this.condition(test)}), ${state})`;
      }
      case "ForStatement":
        return lead + this.forLoop(node, id);
      default:
        return lead + this.forEach(node, id);
    }
  }

  private forLoop(node: es.ForStatement, id: number): string {
    const { init, test, update, body } = node;
    let at = node.start;
    const between = (next: AnyNode): string => {
      const lines = this.lines(at, next.start);
      at = next.end;
      return lines;
    };
    const first = init
      ? between(init) + (init.type === "VariableDeclaration" ? this.declaration(init) : `${this.unused(init)};`)
      : "";
    const testText = test ? `${between(test)}() => (${this.condition(test)})` : "null";
    const updateText = update ? `${between(update)}() => { ${this.unused(update)}; }` : "null";
    const own = this.context.analysis.scopes.get(node);
    // Each turn has variables of its own, which closures of the body keep.
    const kept = [...own?.names.values() ?? []].filter((v) => v.isCaptured).map((v) => v.name);
    for (const name of kept) {
      const inBody = this.context.analysis.writes.some((w) =>
        w.variable?.name === name && w.variable.scope === own && w.node.start >= body.start
      );
      if (inBody) {
        this.refuse(
          node,
          `A loop variable (${name}) that the body changes and a closure keeps`,
          "copy it into a const",
        );
      }
    }
    const bodyText = between(body) +
      (kept.length > 0 ? `() => (${this.closure(body, kept.join(", "))})(${kept.join(", ")})` : this.closure(body));
    const state = this.state(changedIn(this.context.analysis, [init ? init.end : node.start + 1, node.end]));
    const call = `$.loop(${this.site(test ?? node)}, ${id}, ${testText}, ${updateText}, ${bodyText}, ${state})`;
    return init ? `(() => { ${first} return ${call}; })()` : call;
  }

  private forEach(node: es.ForInStatement | es.ForOfStatement, id: number): string {
    const { left, right, body } = node;
    if (node.type === "ForOfStatement" && node.await) {
      this.refuse(node, "A for await loop", "capture is synchronous: load data before the export");
    }
    const name = node.type === "ForInStatement" ? "forIn" : "forOf";
    const pattern = left.type === "VariableDeclaration" ? left.declarations[0].id : left;
    // What is bound stands before what is looped over; written after it, its lines are made up for before.
    const isDeclared = left.type === "VariableDeclaration" && left.kind !== "var";
    const bind = `${isDeclared ? `${left.kind} ` : ""}${this.write(pattern)} = $.from($v)`.replace(/\s*\n\s*/g, " ");
    const binding = isDeclared || pattern.type === "Identifier" ? `${bind};` : `(${bind});`;
    const own = this.context.analysis.scopes.get(node);
    const state = this.state(changedIn(this.context.analysis, [node.start, node.end], own));
    const bodyText = this.closure(body).replace(/^\(\) => \{/, `($v) => { ${binding}`);
    return `$.${name}(${this.site(node.right)}, ${id}, ${this.lines(node.start, right.start)}${this.write(right)}, ${
      this.lines(right.end, body.start)
    }${bodyText}, ${state})`;
  }

  private switchCall(node: es.SwitchStatement): string {
    const { discriminant, cases } = node;
    let at = discriminant.end;
    let out = `$.switch(${this.site(discriminant)}, ${this.id(node)}, ${this.lines(node.start, discriminant.start)}${
      this.write(discriminant)
    }, [`;
    for (const { test, consequent, start, end } of cases) {
      out += this.lines(at, start);
      const bodyStart = consequent.length > 0 ? consequent[0].start : end;
      out += test
        ? `[${this.lines(start, test.start)}() => (${this.write(test)}), ${this.lines(test.end, bodyStart)}`
        : `[null, ${this.lines(start, bodyStart)}`;
      // A name that one case declares and another uses would be out of sight in closures.
      out += `() => {${this.list(consequent, bodyStart, end, node, true)}}], `;
      at = end;
    }
    const own = this.context.analysis.scopes.get(node);
    for (const variable of own?.names.values() ?? []) {
      this.checkCase(node, variable.start, variable.name);
    }
    const state = this.state(changedIn(this.context.analysis, [discriminant.end, node.end], own));
    return `${out}${this.lines(at, node.end)}], ${state})`;
  }

  /** Refuses a name that a case of a switch declares and another case uses. */
  private checkCase(node: es.SwitchStatement, start: number, name: string): void {
    const home = node.cases.find((c) => c.start <= start && start < c.end);
    const uses = (at: AnyNode): boolean =>
      at.type === "Identifier" ? at.name === name : childrenOf(at).some((child) => uses(child));
    if (node.cases.some((c) => c !== home && c.consequent.some(uses))) {
      this.refuse(node, `A variable (${name}) that one case declares and another uses`, "declare it before the switch");
    }
  }

  private tryCall(node: es.TryStatement): string {
    const { block, handler, finalizer } = node;
    let out = `$.try(${this.site(node)}, ${this.lines(node.start, block.start)}${this.closure(block)}, `;
    let at = block.end;
    if (handler) {
      const param = handler.param ? this.write(handler.param) : "";
      out += this.lines(at, handler.body.start) + this.closure(handler.body, param);
      at = handler.end;
    } else out += "null";
    out += ", ";
    out += finalizer ? this.lines(at, finalizer.start) + this.closure(finalizer) : "null";
    return `${out})`;
  }

  private id(node: AnyNode): number {
    let id = this.ids.get(node);
    if (id === undefined) this.ids.set(node, id = this.ids.size + 1);
    return id;
  }
}

/** Whether a statement that is left has statements inside; others are exits themselves. */
function isCompound(node: AnyNode): boolean {
  return node.type !== "ReturnStatement" && node.type !== "BreakStatement" && node.type !== "ContinueStatement";
}
