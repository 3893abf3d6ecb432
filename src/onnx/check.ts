/**
 * Checks a model against ONNX's rules and against the invariants of the graph classes, and says everything that is wrong.
 * Passes are checked with it in tests, and a model is before it is written.
 */
import { CheckError } from "../ir/mod.ts";
import { formatMeta, staticShape } from "../tensor/mod.ts";
import { checkOperator, type OperatorTable } from "./check_node.ts";
import { ONNX_DTYPES } from "./dtypes.ts";
import type { Model, OnnxFunction, OnnxGraph, OnnxNode, OnnxValue } from "./model.ts";
import type { OpSchema } from "./op_schema.ts";

export type { OperatorTable } from "./check_node.ts";

/**
 * The IR version that came with each version of the ONNX domain.
 *
 * Source: https://onnx.ai/onnx/repo-docs/Versioning.html#released-versions
 */
const IR_VERSIONS: ReadonlyMap<number, number> = new Map([
  [18, 8],
  [19, 9],
  [20, 9],
  [21, 10],
  [22, 10],
  [23, 11],
  [24, 12],
  [25, 13],
  [26, 13],
]);

/** The least IR version for a version of the ONNX domain. @throws {RangeError} for one that is not known */
export function irVersionFor(opset: number): number {
  const version = IR_VERSIONS.get(opset);
  if (version === undefined) throw new RangeError(`The IR version for operator set ${opset} is not known`);
  return version;
}

/**
 * Everything in a model that is against ONNX's rules: names defined once and before use, arity, attributes and element types
 * of every node, types of inputs and outputs, tensors that fit their values, versions. Graph classes whose use lists or
 * links do not agree are reported too. An empty list means that the model is fine.
 *
 * @param table the operators: `await import("./op_schema.ts")`
 *
 * @example
 * ```ts
 * import { Model, OnnxGraph } from "./model.ts";
 *
 * checkModel(new Model(new OnnxGraph("empty"), 21, 10), await import("./op_schema.ts")); // what is wrong with it
 * ```
 */
export function checkModel(model: Model, table: OperatorTable): string[] {
  return new Checker(model, table).check();
}

/** @throws {CheckError} with all that {@linkcode checkModel} finds */
export function assertModel(model: Model, table: OperatorTable, what = "The model breaks ONNX's rules"): void {
  const problems = checkModel(model, table);
  if (problems.length > 0) throw new CheckError(what, problems);
}

/** The values and names that can be seen in a graph. */
class Scope {
  readonly values: Set<OnnxValue> = new Set();
  private readonly names: Set<string> = new Set();
  private readonly outer: Scope | null;

  constructor(outer: Scope | null) {
    this.outer = outer;
  }

  sees(value: OnnxValue): boolean {
    return this.values.has(value) || (this.outer?.sees(value) ?? false);
  }

  private knows(name: string): boolean {
    return this.names.has(name) || (this.outer?.knows(name) ?? false);
  }

  /** Enters a value. Returns whether its name was free. */
  define(value: OnnxValue): boolean {
    const isFree = !this.knows(value.name);
    this.values.add(value);
    this.names.add(value.name);
    return isFree;
  }
}

class Checker {
  private readonly model: Model;
  private readonly table: OperatorTable;
  private readonly problems: string[] = [];
  private readonly schemas: Map<string, OpSchema | undefined> = new Map();
  private readonly nodeNames: Set<string> = new Set();
  /** How often each node uses each value. */
  private readonly uses: Map<OnnxValue, Map<OnnxNode, number>> = new Map();
  private readonly knowsOpset: boolean;

  constructor(model: Model, table: OperatorTable) {
    this.model = model;
    this.table = table;
    const { opset } = model;
    this.knowsOpset = Number.isInteger(opset) && opset >= table.FIRST_OPSET && opset <= table.LAST_OPSET;
  }

  check(): string[] {
    this.checkVersions();
    this.checkGraph(this.model.graph, null, null);
    this.checkFunctions();
    this.checkUses();
    return this.problems;
  }

  private checkVersions(): void {
    const { model } = this;
    if (!model.opsetImports.has("")) {
      this.problems.push("The model does not say which operator set of ONNX it is written for");
    } else if (!this.knowsOpset) {
      this.problems.push(
        `Operator set ${model.opset} is not known: ${this.table.FIRST_OPSET} to ${this.table.LAST_OPSET} are`,
      );
    } else {
      const needed = IR_VERSIONS.get(model.opset);
      if (needed !== undefined && model.irVersion < needed) {
        this.problems.push(
          `IR version ${model.irVersion} is too old for operator set ${model.opset}, which needs ${needed}`,
        );
      }
    }
  }

  /** Checks the functions: each sees only itself and the functions before it. */
  private checkFunctions(): void {
    const { model } = this;
    const seen = new Set<string>();
    for (const [key, one] of model.functions) {
      const report = (fact: string): void => void this.problems.push(`Function ${key}: ${fact}`);
      if (key !== one.key) report(`it is ${one.key}`);
      if (one.domain === "" || one.domain === "ai.onnx") report("it is in ONNX's own domain");
      if (one.graph.initializers.size > 0) report("it has initializers");
      if (new Set(one.attributes).size < one.attributes.length) report("an attribute is listed twice");
      this.nodeNames.clear();
      this.checkGraph(one.graph, null, null, one);
      for (const node of one.graph.allNodes()) {
        if (!one.opsetImports.has(node.domain)) report(`it does not import the domain ${node.domain || "ai.onnx"}`);
        for (const { name } of node.references.values()) {
          if (!one.attributes.includes(name)) report(`${nameOf(node)} refers to attribute ${name}, which it has not`);
        }
        const called = model.functionOf(node);
        if (called && !seen.has(called.key)) report(`it calls ${called.key}, which does not stand before it`);
      }
      seen.add(key);
    }
  }

  /** Whether a call fits its function. */
  private checkCall(node: OnnxNode, called: OnnxFunction, fault: (fact: string) => void): void {
    const { graph, attributes } = called;
    for (
      const [what, given, most] of [
        ["inputs", node.inputs.length, graph.inputs.length],
        ["outputs", node.outputs.length, graph.outputs.length],
      ] as const
    ) {
      if (given > most) fault(`has ${given} ${what}, but the function ${called.key} has ${most}`);
    }
    for (const name of [...node.attributes.keys(), ...node.references.keys()]) {
      if (!attributes.includes(name)) fault(`attribute ${name} is not one of the function ${called.key}`);
    }
    for (const name of attributes) {
      if (!node.attributes.has(name) && !node.references.has(name)) fault(`attribute ${name} is missing`);
    }
  }

  /** Checks a graph; `owner` is the node whose attribute it is, `body` the function whose body it is. */
  private checkGraph(
    graph: OnnxGraph,
    outer: Scope | null,
    owner: OnnxNode | null,
    body: OnnxFunction | null = null,
  ): void {
    const where = body
      ? `Function ${body.key}`
      : owner
      ? `Graph ${graph.name} of ${nameOf(owner)}`
      : `Graph ${graph.name}`;
    const report = (fact: string): void => void this.problems.push(`${where}: ${fact}`);
    if (graph.name === "") report("it has no name");
    const scope = new Scope(outer);
    const define = (value: OnnxValue, what: string): void => {
      if (scope.values.has(value)) report(`${what} ${value.name} is listed twice`);
      else if (value.name === "") report(`${what} has no name`);
      else if (!scope.define(value)) report(`${what} ${value.name} has a name that is taken`);
      scope.values.add(value);
    };
    for (const value of graph.inputs) {
      define(value, "input");
      if (value.producer) report(`input ${value.name} is made by ${nameOf(value.producer)}`);
      if (!owner && !body) this.checkTyped(value, "input", report);
    }
    for (const value of graph.initializers) {
      if (!graph.inputs.includes(value)) define(value, "initializer");
      checkInitializer(value, report);
    }
    for (const value of [...graph.inputs, ...graph.initializers]) this.see(value);
    this.checkNodes(graph, scope, report);
    for (const value of graph.outputs) {
      if (owner && !scope.values.has(value) && scope.sees(value)) {
        report(`output ${value.name} comes from outside; runtimes need an Identity in between`);
      } else if (!scope.sees(value)) report(`output ${value.name} is not defined`);
      if (!owner && !body) this.checkTyped(value, "output", report);
    }
    if (!owner && new Set(graph.outputs).size < graph.outputs.length) report("an output is listed twice");
  }

  private checkNodes(graph: OnnxGraph, scope: Scope, report: (fact: string) => void): void {
    let count = 0;
    let previous: OnnxNode | null = null;
    for (const node of graph.nodes()) {
      count++;
      if (count > graph.size) break;
      const fault = (fact: string): void => void this.problems.push(`${nameOf(node)}: ${fact}`);
      if (node.graph !== graph as unknown || node.prev !== previous) {
        fault("its links to graph and neighbours are broken");
      }
      previous = node;
      if (node.name !== "" && this.nodeNames.has(node.name)) fault("its name is that of another node");
      this.nodeNames.add(node.name);
      for (const [i, value] of node.inputs.entries()) {
        if (value && !scope.sees(value)) fault(`input ${i} (${value.name}) is not defined before it`);
      }
      this.count(node);
      this.checkOperator(node, fault);
      for (const body of node.subgraphs()) this.checkGraph(body, scope, node);
      for (const [i, value] of node.outputs.entries()) {
        if (value.producer !== node || value.index !== i) {
          fault(`output ${i} (${value.name}) does not name it as its producer`);
        }
        this.see(value);
        if (value.name === "") {
          if (value.uses.size > 0) fault(`output ${i} is left out, but used`);
        } else if (!scope.define(value)) fault(`output ${i} has the name ${value.name}, which is taken`);
        if (value.initializer) fault(`output ${i} (${value.name}) has a tensor as if it were an initializer`);
      }
    }
    if (count !== graph.size) report(`it counts ${graph.size} nodes, but ${count} are linked`);
  }

  private checkOperator(node: OnnxNode, fault: (fact: string) => void): void {
    if (!this.model.opsetImports.has(node.domain)) {
      fault(`the model does not import the domain ${node.domain || "ai.onnx"}`);
    }
    if (node.opType === "") fault("it has no operator");
    const called = this.model.functionOf(node);
    if (called) this.checkCall(node, called, fault);
    if (node.domain !== "" || !this.knowsOpset) return;
    const { opset } = this.model;
    if (!this.schemas.has(node.opType)) this.schemas.set(node.opType, this.table.schemaOf(node.opType, opset));
    for (const fact of checkOperator(node, opset, this.schemas.get(node.opType), this.table)) fault(fact);
  }

  private checkTyped(value: OnnxValue, what: string, report: (fact: string) => void): void {
    if (!value.meta) report(`${what} ${value.name} has no dtype and shape`);
    else if (!ONNX_DTYPES.has(value.meta.dtype)) {
      report(`${what} ${value.name} is ${value.meta.dtype}, which ONNX has not`);
    }
  }

  /** Enters a value, so that uses it should not have are found. */
  private see(value: OnnxValue): Map<OnnxNode, number> {
    let uses = this.uses.get(value);
    if (!uses) this.uses.set(value, uses = new Map());
    return uses;
  }

  private count(node: OnnxNode): void {
    for (const value of node.operands()) {
      const uses = this.see(value);
      uses.set(node, (uses.get(node) ?? 0) + 1);
    }
  }

  private checkUses(): void {
    for (const [value, uses] of this.uses) {
      for (const [node, count] of uses) {
        const listed = value.uses.get(node) ?? 0;
        if (listed !== count) {
          this.problems.push(`Value ${value.name}: ${nameOf(node)} uses it ${count} times, but ${listed} are listed`);
        }
      }
      for (const node of value.uses.keys()) {
        if (!uses.has(node as OnnxNode)) {
          this.problems.push(`Value ${value.name}: ${node.label} is listed as a user, but does not use it`);
        }
      }
    }
  }
}

/** The node, and the node of the user's program that it comes from. */
function nameOf(node: { readonly label: string; readonly origin: OnnxNode["origin"] }): string {
  return node.origin ? `${node.label} (from ${node.origin.node})` : node.label;
}

function checkInitializer(value: OnnxValue, report: (fact: string) => void): void {
  const { initializer: tensor, meta, name } = value;
  if (value.producer) report(`initializer ${name} is made by ${nameOf(value.producer)}`);
  if (!tensor) {
    report(`initializer ${name} has no tensor`);
    return;
  }
  if (!ONNX_DTYPES.has(tensor.dtype)) report(`initializer ${name} is ${tensor.dtype}, which ONNX has not`);
  const shape = meta && staticShape(meta.shape);
  const fits = shape && meta.dtype === tensor.dtype && shape.length === tensor.shape.length &&
    shape.every((d, i) => d === tensor.shape[i]);
  if (!fits) {
    const found = formatMeta({ dtype: tensor.dtype, shape: tensor.shape });
    report(`initializer ${name} is ${meta ? formatMeta(meta) : "unknown"}, but its tensor is ${found}`);
  }
  const { storage, numel } = tensor;
  if (numel > 0 && !storage.bytes && !storage.range) report(`initializer ${name} has no values`);
  const held = storage.bytes?.byteLength ?? storage.range?.length ?? storage.byteLength;
  if (held !== storage.byteLength) {
    report(`initializer ${name} has ${held} bytes of data instead of ${storage.byteLength}`);
  }
}
