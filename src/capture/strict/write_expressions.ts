/** Writes the rewritten text of expressions and patterns. */
import type * as es from "acorn";
import { type AnyNode, childrenOf } from "./parse.ts";
import type { Context, Refusal } from "./rewrite.ts";
import { changedIn } from "./scope.ts";

/** Writes expressions; functions and classes inside them are the business of who extends it. */
export abstract class ExpressionWriter {
  /** Positions by site number. */
  readonly sites: number[] = [];
  /** What can't be captured. */
  readonly refusals: Refusal[] = [];
  protected readonly context: Context;

  /** A writer for one function. */
  constructor(context: Context) {
    this.context = context;
  }

  /** A function expression or declaration, an arrow function. */
  protected abstract functionText(node: es.FunctionExpression | es.ArrowFunctionExpression): string;

  /** Notes something that can't be captured. */
  protected refuse(node: AnyNode, construct: string, wayOut: string): void {
    this.refusals.push({ construct, wayOut, position: node.start });
  }

  /** The number of a position, for the runtime's messages. */
  protected site(node: AnyNode): number {
    return this.sites.push(node.start) - 1;
  }

  /** A piece of the text as it is. */
  protected copy(from: number, to: number): string {
    return this.context.text.slice(from, to);
  }

  /** The line ends of a piece of the text that is not copied. */
  protected lines(from: number, to: number): string {
    return "\n".repeat(this.copy(from, to).split("\n").length - 1);
  }

  /** Access to variables that a closure may change. */
  protected state(names: readonly string[]): string {
    if (names.length === 0) return "null";
    const list = names.join(", ");
    const values = names.map((_, i) => `$v[${i}]`);
    const set = names.map((name, i) => `${name} = ${values[i]};`).join(" ");
    return `{ names: ${JSON.stringify(names)}, get: () => [${list}], set: ($v) => { ${set} } }`;
  }

  /** Access to the variables that evaluating nodes may change. */
  private changes(...nodes: readonly AnyNode[]): string {
    return this.state(changedIn(this.context.analysis, [nodes[0].start, nodes[nodes.length - 1].end]));
  }

  /** A node with its children rewritten and the rest copied. */
  private withChildren(node: AnyNode): string {
    let out = "", at = node.start;
    for (const child of childrenOf(node)) {
      out += this.copy(at, child.start) + this.write(child);
      at = child.end;
    }
    return out + this.copy(at, node.end);
  }

  /** The initial value of a pattern: one that is taken apart is looked at by the runtime. */
  protected source(pattern: AnyNode, value: AnyNode): string {
    if (pattern.type === "ArrayPattern") return `$.items(${this.site(value)}, ${this.write(value)})`;
    if (pattern.type === "ObjectPattern") return `$.fields(${this.site(value)}, ${this.write(value)})`;
    return this.write(value);
  }

  /** An expression whose value no one reads. */
  protected unused(node: AnyNode): string {
    if (node.type === "UpdateExpression" && node.argument.type === "Identifier") return this.step(node);
    return this.write(node);
  }

  /** An expression of which only the truth counts. */
  protected condition(node: AnyNode): string {
    if (node.type === "LogicalExpression" && node.operator !== "??") return this.logical(node, true);
    return this.write(node);
  }

  /** Text for a person: symbolic values are printed in it. */
  protected message(node: AnyNode): string {
    const args = node.type === "NewExpression" ? node.arguments : [];
    if (node.type === "NewExpression" && args.every((arg) => arg.type !== "SpreadElement")) {
      const given = args.map((arg) => this.shown(arg));
      return `$.new(${this.site(node)}, ${this.write(node.callee)}, [${given.join(", ")}])`;
    }
    return this.write(node);
  }

  /** A text, or what it is put together of. */
  private shown(node: AnyNode): string {
    if (node.type === "TemplateLiteral") return this.template(node, "show");
    if (node.type !== "BinaryExpression" || node.operator !== "+") return this.write(node);
    const part = (side: AnyNode): string => `$.show(${this.site(side)}, ${this.shown(side)})`;
    return `(${part(node.left)} + ${this.lines(node.left.end, node.right.start)}${part(node.right)})`;
  }

  /** The rewritten text of an expression or pattern. */
  write(node: AnyNode): string {
    switch (node.type) {
      case "Identifier":
        if (node.name === "eval" && !this.context.analysis.scopes.has(node)) {
          this.refuse(node, "eval", "write the code itself");
        }
        return node.name;
      case "BinaryExpression":
        return this.binary(node);
      case "UnaryExpression":
        return this.unary(node);
      case "UpdateExpression":
        return this.update(node);
      case "AssignmentExpression":
        return this.assignment(node);
      case "LogicalExpression":
        return this.logical(node, false);
      case "ConditionalExpression": {
        const { test, consequent, alternate } = node;
        return `$.choose(${this.site(test)}, ${this.condition(test)}, ${this.lines(test.end, consequent.start)}() => (${
          this.write(consequent)
        }), ${this.lines(consequent.end, alternate.start)}() => (${this.write(alternate)}), ${
          this.changes(consequent, alternate)
        })`;
      }
      case "CallExpression":
        return this.call(node);
      case "NewExpression":
        return `$.new(${this.site(node)}, ${this.lines(node.start, node.callee.start)}${this.write(node.callee)}, ${
          this.args(node, node.callee.end)
        })`;
      case "MemberExpression":
        return this.member(node);
      case "ChainExpression":
        return this.chain(node);
      case "SequenceExpression":
        return `(${this.withChildren(node)})`;
      case "TemplateLiteral":
        return this.template(node, "text");
      case "TaggedTemplateExpression":
        this.refuse(node, "A tagged template", "call the function with its arguments");
        return "undefined";
      case "SpreadElement":
        return `...$.items(${this.site(node)}, ${this.lines(node.start, node.argument.start)}${
          this.write(node.argument)
        })`;
      case "FunctionExpression":
      case "ArrowFunctionExpression":
        return `$.fn(${this.functionText(node)})`;
      case "ClassExpression":
        return `$.cls(${this.classBody(node)})`;
      case "ObjectExpression":
        return this.object(node);
      case "AssignmentPattern":
        return `${this.write(node.left)} = ${this.lines(node.left.end, node.right.start)}${
          this.source(node.left, node.right)
        }`;
      case "ObjectPattern":
      case "ArrayPattern":
        return this.pattern(node);
      case "Property":
        return this.patternProperty(node);
      case "AwaitExpression":
        this.refuse(node, "await", "capture is synchronous: load data before the export");
        return "undefined";
      case "YieldExpression":
        this.refuse(node, "yield", "fill an array and return it");
        return "undefined";
      case "ImportExpression":
        this.refuse(node, "import()", "import the module at the top of the file");
        return "undefined";
      case "MetaProperty":
        if (node.meta.name === "import") {
          this.refuse(node, "import.meta", "read it into a constant outside of the function");
          return "undefined";
        }
        return "new.target";
      case "PrivateIdentifier":
        this.refuse(node, `A #private member (#${node.name})`, "mark it `private` in TypeScript");
        return "undefined";
      case "Literal":
      case "ThisExpression":
      case "Super":
      case "TemplateElement":
        return this.copy(node.start, node.end);
      default:
        return this.withChildren(node);
    }
  }

  private binary(node: es.BinaryExpression): string {
    const { left, right, operator } = node;
    if (left.type === "PrivateIdentifier") return this.write(left);
    if (left.type === "Literal" && right.type === "Literal") return this.copy(node.start, node.end);
    return `$.op(${this.site(node)}, "${operator}", ${this.write(left)}, ${this.lines(left.end, right.start)}${
      this.write(right)
    })`;
  }

  private unary(node: es.UnaryExpression): string {
    const { operator, argument } = node;
    switch (operator) {
      case "!":
        return `$.not(${this.site(node)}, ${this.lines(node.start, argument.start)}${this.condition(argument)})`;
      case "typeof":
        // A name that is declared nowhere has a type too.
        if (argument.type === "Identifier" && this.context.analysis.free.has(argument.name)) {
          return `(typeof ${argument.name} === "undefined" ? "undefined" : $.typeof(${argument.name}))`;
        }
        return `$.typeof(${this.write(argument)})`;
      case "delete": {
        const target = argument.type === "ChainExpression" ? argument.expression : argument;
        if (target.type !== "MemberExpression") return this.copy(node.start, node.end);
        return `$.delete(${this.site(node)}, ${this.write(target.object)}, ${this.key(target)})`;
      }
      case "void":
        return `(void ${this.write(argument)})`;
      default:
        if (argument.type === "Literal") return `(${this.copy(node.start, node.end)})`;
        return `$.unary(${this.site(node)}, "${operator}", ${this.write(argument)})`;
    }
  }

  /** `x++` for its effect. */
  private step({ argument, operator, start }: es.UpdateExpression): string {
    const name = (argument as es.Identifier).name;
    this.checkWrite(argument);
    return `(${name} = $.step(${this.site({ start } as AnyNode)}, ${name}, ${operator === "++" ? 1 : -1}))`;
  }

  private update(node: es.UpdateExpression): string {
    const { argument, prefix, operator } = node;
    if (argument.type === "Identifier") {
      return prefix ? this.step(node) : `$.first(${argument.name}, ${this.step(node)})`;
    }
    if (argument.type !== "MemberExpression") return this.write(argument);
    return `$.stepAt(${this.site(node)}, ${this.write(argument.object)}, ${this.key(argument)}, ${
      operator === "++" ? 1 : -1
    }, ${prefix})`;
  }

  /** A variable of another function has a life of its own: what capture would write there is not undone. */
  private checkWrite(id: AnyNode): void {
    const write = this.context.writes.get(id);
    if (write && !write.variable) {
      this.refuse(
        id,
        `An assignment to ${write.node.name}, a variable outside of the function`,
        "keep it in an object or in a field of the module",
      );
    }
  }

  private assignment(node: es.AssignmentExpression): string {
    const { left, right, operator } = node;
    const gap = this.lines(left.end, right.start);
    if (left.type === "MemberExpression") {
      if (left.object.type === "Super") {
        this.refuse(left, "An assignment to a property of super", "assign it to this");
        return "undefined";
      }
      const place = `${this.write(left.object)}, ${this.key(left)}`;
      if (operator === "=") return `$.set(${this.site(node)}, ${place}, ${gap}${this.write(right)})`;
      return `$.setBy(${this.site(node)}, ${place}, "${operator.slice(0, -1)}", ${gap}() => (${this.write(right)}), ${
        this.changes(right)
      })`;
    }
    if (left.type !== "Identifier") {
      return `(${this.write(left)} = ${gap}${this.source(left, right)})`;
    }
    this.checkWrite(left);
    const { name } = left;
    if (operator === "=") return `(${name} = ${gap}${this.write(right)})`;
    if (operator === "??=") return `(${name} = ${name} ?? ${gap}(${this.write(right)}))`;
    if (operator === "&&=" || operator === "||=") {
      const fn = operator === "&&=" ? "and" : "or";
      return `(${name} = $.${fn}(${this.site(node)}, ${name}, ${gap}() => (${this.write(right)}), ${
        this.changes(right)
      }, false))`;
    }
    return `(${name} = $.op(${this.site(node)}, "${operator.slice(0, -1)}", ${name}, ${gap}${this.write(right)}))`;
  }

  private logical(node: es.LogicalExpression, isCondition: boolean): string {
    const { left, right, operator } = node;
    const gap = this.lines(left.end, right.start);
    if (operator === "??") return `(${this.write(left)} ?? ${gap}(${this.write(right)}))`;
    const side = (operand: AnyNode): string => isCondition ? this.condition(operand) : this.write(operand);
    return `$.${operator === "&&" ? "and" : "or"}(${this.site(node)}, ${side(left)}, ${gap}() => (${side(right)}), ${
      this.changes(right)
    }, ${isCondition})`;
  }

  /** The name of a property as a value. */
  private key(node: es.MemberExpression): string {
    const { property, object } = node;
    const gap = this.lines(object.end, property.start);
    if (property.type === "PrivateIdentifier") return this.write(property);
    return gap + (node.computed ? this.write(property) : JSON.stringify((property as es.Identifier).name));
  }

  private member(node: es.MemberExpression): string {
    if (node.object.type === "Super") {
      return `super${node.computed ? `[${this.write(node.property)}]` : this.copy(node.object.end, node.end)}`;
    }
    return `$.get(${this.site(node)}, ${this.write(node.object)}, ${this.key(node)})`;
  }

  /** The arguments of a call as an array. */
  private args(node: es.CallExpression | es.NewExpression, from: number): string {
    let out = "[", at = from;
    for (const arg of node.arguments) {
      out += `${this.lines(at, arg.start)}${this.write(arg)}, `;
      at = arg.end;
    }
    return `${out}${this.lines(at, node.end)}]`;
  }

  private call(node: es.CallExpression): string {
    const { callee } = node;
    if (callee.type === "Super") return `super(...${this.args(node, callee.end)})`;
    if (callee.type !== "MemberExpression") {
      return `$.call(${this.site(node)}, ${this.write(callee)}, ${this.args(node, callee.end)})`;
    }
    if (callee.object.type === "Super") {
      return `$.apply(${this.site(node)}, ${this.member(callee)}, this, ${this.args(node, callee.end)})`;
    }
    return `$.method(${this.site(callee.property)}, ${this.write(callee.object)}, ${this.key(callee)}, ${
      this.args(node, callee.end)
    })`;
  }

  private depth = 0;

  /** `a?.b.c`: what follows the mark is written as a function of what stands before it. */
  private chain(node: es.ChainExpression): string {
    return this.link(node.expression, (text) => text);
  }

  /** Writes a part of a chain; `wrap` writes what follows it. */
  private link(node: AnyNode, wrap: (text: string) => string): string {
    if (node.type === "MemberExpression" && node.object.type !== "Super") {
      const key = this.key(node);
      const read = (object: string): string => wrap(`$.get(${this.site(node)}, ${object}, ${key})`);
      return this.link(node.object, node.optional ? (object) => this.optional(object, read) : read);
    }
    if (node.type === "CallExpression" && node.callee.type !== "Super") {
      const { callee } = node;
      const args = this.args(node, callee.end);
      if (callee.type === "MemberExpression" && callee.object.type !== "Super") {
        const key = this.key(callee);
        const call = (object: string): string =>
          node.optional
            ? this.optional(
              object,
              (o) =>
                `($.get(${this.site(callee)}, ${o}, ${key}) == null ? undefined : ${
                  wrap(`$.method(${this.site(callee.property)}, ${o}, ${key}, ${args})`)
                })`,
              true,
            )
            : wrap(`$.method(${this.site(callee.property)}, ${object}, ${key}, ${args})`);
        return this.link(callee.object, callee.optional ? (object) => this.optional(object, call) : call);
      }
      const call = (fn: string): string => wrap(`$.call(${this.site(node)}, ${fn}, ${args})`);
      return this.link(callee, node.optional ? (fn) => this.optional(fn, call) : call);
    }
    return wrap(this.write(node));
  }

  private optional(value: string, follow: (name: string) => string, isAlways = false): string {
    const name = `$${++this.depth}`;
    const rest = follow(name);
    return isAlways
      ? `((${name}) => ${rest})(${value})`
      : `((${name}) => ${name} == null ? undefined : ${rest})(${value})`;
  }

  private template(node: es.TemplateLiteral, how: "text" | "show"): string {
    let out = "", at = node.start;
    for (const expression of node.expressions) {
      out += `${this.copy(at, expression.start)}$.${how}(${this.site(expression)}, ${this.write(expression)})`;
      at = expression.end;
    }
    return out + this.copy(at, node.end);
  }

  private object(node: es.ObjectExpression): string {
    let out = "", at = node.start;
    let hasFunctions = false;
    for (const property of node.properties) {
      out += this.copy(at, property.start);
      at = property.end;
      if (property.type === "SpreadElement") {
        out += `...$.fields(${this.site(property)}, ${this.write(property.argument)})`;
      } else if (property.method || property.kind !== "init") {
        hasFunctions = true;
        const kind = property.kind === "init" ? "" : `${property.kind} `;
        out += `${kind}${this.propertyKey(property)}${this.functionOf(property.value as es.FunctionExpression)}`;
      } else if (property.shorthand) out += this.write(property.value);
      else {out += `${this.propertyKey(property)}: ${this.lines(property.key.end, property.value.start)}${
          this.write(property.value)
        }`;}
    }
    out += this.copy(at, node.end);
    return hasFunctions ? `$.obj(${out})` : out;
  }

  private propertyKey(node: { readonly computed: boolean; readonly key: AnyNode }): string {
    if (node.key.type === "PrivateIdentifier") {
      this.write(node.key);
      return "refused";
    }
    if (!node.computed) return this.copy(node.key.start, node.key.end);
    return `[$.name(${this.site(node.key)}, ${this.write(node.key)})]`;
  }

  /** Parameters and body of a method. */
  private functionOf(node: es.FunctionExpression): string {
    return this.functionText({ ...node, id: null } as es.FunctionExpression).replace(/^function /, "");
  }

  /**
   * A class: methods and the initial values of fields are rewritten.
   *
   * @param isConstruction whether only what constructs an object is needed: methods are those of the class itself
   */
  protected classBody(node: es.ClassDeclaration | es.ClassExpression, isConstruction = false): string {
    const parent = node.superClass;
    let out = `class ${node.id?.name ?? ""}`;
    let at = node.id?.end ?? node.start;
    if (parent) {
      out += ` extends ${this.lines(at, parent.start)}($.parent(${this.site(parent)}, ${this.write(parent)}))`;
      at = parent.end;
    }
    out += this.lines(at, node.body.start) + " {";
    at = node.body.start + 1;
    for (const member of node.body.body) {
      out += this.lines(at, member.start);
      at = member.end;
      const isNeeded = member.type === "MethodDefinition"
        ? member.kind === "constructor"
        : !("static" in member && member.static);
      if (isConstruction && !isNeeded) {
        out += this.lines(member.start, member.end);
        continue;
      }
      if (member.type === "StaticBlock") {
        this.refuse(member, "A static block", "use static fields");
        continue;
      }
      const isStatic = member.static ? "static " : "";
      if (member.type === "MethodDefinition") {
        const kind = member.kind === "get" || member.kind === "set" ? `${member.kind} ` : "";
        out += ` ${isStatic}${kind}${this.propertyKey(member)}${this.functionOf(member.value)}`;
      } else {
        const value = member.value
          ? ` = ${this.lines(member.key.end, member.value.start)}${this.write(member.value)}`
          : "";
        out += ` ${isStatic}${this.propertyKey(member)}${value};`;
      }
    }
    return `${out}${this.lines(at, node.end)}}`;
  }

  /** A pattern that is declared or assigned; properties among its targets are written through the runtime. */
  private pattern(node: es.ObjectPattern | es.ArrayPattern): string {
    let out = "", at = node.start;
    for (const child of childrenOf(node)) {
      out += this.copy(at, child.start) + this.target(child);
      at = child.end;
    }
    return out + this.copy(at, node.end);
  }

  private target(node: AnyNode): string {
    switch (node.type) {
      case "Identifier":
        this.checkWrite(node);
        return node.name;
      case "MemberExpression":
        if (node.object.type === "Super") break;
        return `$.target(${this.site(node)}, ${this.write(node.object)}, ${this.key(node)}).value`;
      case "AssignmentPattern":
        return `${this.target(node.left)} = ${this.source(node.left, node.right)}`;
      case "RestElement":
        return `...${this.target(node.argument)}`;
      case "Property":
        return this.patternProperty(node);
      case "ObjectPattern":
      case "ArrayPattern":
        return this.pattern(node);
    }
    return this.write(node);
  }

  private patternProperty(node: es.Property | es.AssignmentProperty): string {
    if (node.shorthand) return this.target(node.value);
    return `${this.propertyKey(node)}: ${this.lines(node.key.end, node.value.start)}${this.target(node.value)}`;
  }
}
