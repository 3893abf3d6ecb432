/**
 * Which declaration each name of a function belongs to, and where variables are written. Branches and loops need to know
 * what they change that lives on after them; the compiler needs to know which names come from outside.
 */
import type * as es from "acorn";
import { type AnyNode, childrenOf, isFunction } from "./parse.ts";

/** A declared name. */
export interface Variable {
  /** Its name. */
  readonly name: string;
  /** Where it is declared. */
  readonly scope: Scope;
  /** Where the declaration stands. */
  readonly start: number;
  /** `var` and functions are known before their declaration. */
  readonly isHoisted: boolean;
  /** Whether a function inside its own function reads or writes it. */
  isCaptured: boolean;
  /** Whether a function inside its own function writes it. */
  isWrittenByClosure: boolean;
}

/** Names that are visible together. */
export interface Scope {
  /** What opens it. */
  readonly node: AnyNode;
  /** The scope around it; null for the outermost. */
  readonly parent: Scope | null;
  /** The nearest function, or the outermost node. */
  readonly owner: AnyNode;
  /** What is declared in it. */
  readonly names: Map<string, Variable>;
}

/** One assignment to a name. */
export interface Write {
  /** The name's node. */
  readonly node: es.Identifier;
  /** What is written; null for names from outside. */
  readonly variable: Variable | null;
}

/** The names of a function. */
export interface Analysis {
  /** Scopes by the node that opens them. */
  readonly scopes: ReadonlyMap<AnyNode, Scope>;
  /** All assignments, in no order. */
  readonly writes: readonly Write[];
  /** Names that are declared nowhere inside. */
  readonly free: ReadonlySet<string>;
  /** Every variable. */
  readonly variables: readonly Variable[];
}

/** Names that are bound by a pattern. */
export function patternNames(pattern: AnyNode): es.Identifier[] {
  switch (pattern.type) {
    case "Identifier":
      return [pattern];
    case "ObjectPattern":
      return pattern.properties.flatMap((p) => patternNames(p.type === "RestElement" ? p.argument : p.value));
    case "ArrayPattern":
      return pattern.elements.flatMap((element) => element === null ? [] : patternNames(element));
    case "AssignmentPattern":
      return patternNames(pattern.left);
    case "RestElement":
      return patternNames(pattern.argument);
    default:
      return [];
  }
}

/** Resolves the names of a function or class. */
export function analyse(root: AnyNode): Analysis {
  const scopes = new Map<AnyNode, Scope>();
  const variables: Variable[] = [];
  const outermost = open(root, null, root);
  const declare = (scope: Scope, id: es.Identifier, isHoisted: boolean): void => {
    if (scope.names.has(id.name)) return;
    const variable = {
      name: id.name,
      scope,
      start: id.start,
      isHoisted,
      isCaptured: false,
      isWrittenByClosure: false,
    };
    scope.names.set(id.name, variable);
    variables.push(variable);
  };

  function open(node: AnyNode, parent: Scope | null, owner: AnyNode): Scope {
    const scope: Scope = { node, parent, owner, names: new Map() };
    scopes.set(node, scope);
    return scope;
  }

  function functionScope(scope: Scope): Scope {
    let at = scope;
    while (at.node !== at.owner && at.parent) at = at.parent;
    return at;
  }

  function declareIn(node: AnyNode, scope: Scope): void {
    let inner = scope;
    if (isFunction(node)) {
      const fn = node as es.FunctionExpression;
      if (fn.type as string === "FunctionDeclaration" && fn.id && node !== root) declare(scope, fn.id, true);
      inner = node === root ? scope : open(node, scope, node);
      if (fn.type === "FunctionExpression" && fn.id) declare(inner, fn.id, true);
      if (fn.type as string === "FunctionDeclaration" && fn.id && node === root) declare(inner, fn.id, true);
      for (const param of fn.params) for (const id of patternNames(param)) declare(inner, id, true);
    } else {
      switch (node.type) {
        case "ClassDeclaration":
        case "ClassExpression":
          if (node.type === "ClassDeclaration" && node.id && node !== root) declare(scope, node.id, false);
          inner = node === root ? scope : open(node, scope, scope.owner);
          if (node.id) declare(inner, node.id, true);
          break;
        // A field's initializer and a static block run as functions of their own.
        case "StaticBlock":
        case "PropertyDefinition":
          inner = open(node, scope, node);
          break;
        case "BlockStatement":
        case "ForStatement":
        case "ForInStatement":
        case "ForOfStatement":
        case "SwitchStatement":
        case "CatchClause":
          inner = open(node, scope, scope.owner);
          if (node.type === "CatchClause" && node.param) {
            for (const id of patternNames(node.param)) declare(inner, id, true);
          }
          break;
        case "VariableDeclaration": {
          const target = node.kind === "var" ? functionScope(scope) : scope;
          for (const declarator of node.declarations) {
            for (const id of patternNames(declarator.id)) declare(target, id, node.kind === "var");
          }
          break;
        }
      }
    }
    for (const child of childrenOf(node)) declareIn(child, inner);
  }
  declareIn(root, outermost);

  const writes: Write[] = [];
  const free = new Set<string>();

  function lookUp(name: string, scope: Scope): Variable | null {
    for (let at: Scope | null = scope; at; at = at.parent) {
      const variable = at.names.get(name);
      if (variable) return variable;
    }
    return null;
  }

  function use(id: es.Identifier, scope: Scope, isWrite: boolean): void {
    const variable = lookUp(id.name, scope);
    if (!variable) free.add(id.name);
    else if (variable.scope.owner !== scope.owner) {
      variable.isCaptured = true;
      if (isWrite) variable.isWrittenByClosure = true;
    }
    if (isWrite) writes.push({ node: id, variable });
  }

  /** A pattern that is declared or assigned: its names are written, its defaults and computed keys are read. */
  function resolvePattern(pattern: AnyNode, scope: Scope, isWrite: boolean): void {
    switch (pattern.type) {
      case "Identifier":
        if (isWrite) use(pattern, scope, true);
        return;
      case "ObjectPattern":
        for (const property of pattern.properties) {
          if (property.type === "RestElement") resolvePattern(property.argument, scope, isWrite);
          else {
            if (property.computed) resolve(property.key, scope);
            resolvePattern(property.value, scope, isWrite);
          }
        }
        return;
      case "ArrayPattern":
        for (const element of pattern.elements) if (element) resolvePattern(element, scope, isWrite);
        return;
      case "AssignmentPattern":
        resolvePattern(pattern.left, scope, isWrite);
        resolve(pattern.right, scope);
        return;
      case "RestElement":
        resolvePattern(pattern.argument, scope, isWrite);
        return;
      default:
        resolve(pattern, scope);
    }
  }

  function resolve(node: AnyNode, scope: Scope): void {
    const inner = scopes.get(node) ?? scope;
    if (isFunction(node)) {
      const fn = node as es.FunctionExpression;
      for (const param of fn.params) resolvePattern(param, inner, false);
      resolve(fn.body, inner);
      return;
    }
    switch (node.type) {
      case "Identifier":
        use(node, scope, false);
        return;
      case "MemberExpression":
        resolve(node.object, scope);
        if (node.computed) resolve(node.property, scope);
        return;
      case "Property":
      case "MethodDefinition":
        if (node.computed) resolve(node.key, scope);
        resolve(node.value, scope);
        return;
      case "PropertyDefinition":
        if (node.computed) resolve(node.key, scope);
        if (node.value) resolve(node.value, inner);
        return;
      case "VariableDeclarator":
        resolvePattern(node.id, scope, false);
        if (node.init) {
          // With its initial value a `var` is written, since it exists before.
          for (const id of patternNames(node.id)) if (lookUp(id.name, scope)?.isHoisted) use(id, scope, true);
          resolve(node.init, scope);
        }
        return;
      case "AssignmentExpression":
        if (node.operator === "=") resolvePattern(node.left, scope, true);
        else if (node.left.type === "Identifier") use(node.left, scope, true);
        else resolve(node.left, scope);
        resolve(node.right, scope);
        return;
      case "UpdateExpression":
        if (node.argument.type === "Identifier") use(node.argument, scope, true);
        else resolve(node.argument, scope);
        return;
      case "ForInStatement":
      case "ForOfStatement":
        if (node.left.type === "VariableDeclaration") resolve(node.left, inner);
        else resolvePattern(node.left, inner, true);
        resolve(node.right, inner);
        resolve(node.body, inner);
        return;
      case "CatchClause":
        if (node.param) resolvePattern(node.param, inner, false);
        resolve(node.body, inner);
        return;
      case "LabeledStatement":
        resolve(node.body, scope);
        return;
      case "BreakStatement":
      case "ContinueStatement":
      case "MetaProperty":
        return;
      case "ClassDeclaration":
      case "ClassExpression":
        if (node.superClass) resolve(node.superClass, scope);
        resolve(node.body, inner);
        return;
      default:
        for (const child of childrenOf(node)) resolve(child, inner);
    }
  }
  resolve(root, outermost);
  return { scopes, writes, free, variables };
}

/** Whether a scope lies around a region of the text. */
function encloses(scope: Scope, [start, end]: readonly [number, number]): boolean {
  return scope.node.start <= start && scope.node.end >= end;
}

/**
 * Names of variables from outside a region that running it may change. Those that some closure changes are among them,
 * since the region may call it.
 *
 * @param except a scope whose own variables don't count, since nothing reads them after the region
 */
export function changedIn(
  analysis: Analysis,
  region: readonly [number, number],
  except: Scope | null = null,
): string[] {
  const names = new Set<string>();
  for (const { node, variable } of analysis.writes) {
    if (!variable || node.start < region[0] || node.end > region[1]) continue;
    if (encloses(variable.scope, region) && variable.scope !== except) names.add(variable.name);
  }
  for (const variable of analysis.variables) {
    if (!variable.isWrittenByClosure || variable.scope === except || !encloses(variable.scope, region)) continue;
    if (variable.start < region[0]) names.add(variable.name);
  }
  return [...names];
}
