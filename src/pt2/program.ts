/** Assembles a program from the parts of its archive. */
import type {
  ExportedProgram,
  GraphSignature,
  InputSpec,
  ModuleCallEntry,
  RangeConstraint,
  SampleInput,
} from "../fx/mod.ts";
import { countLeaves, plainCall } from "../fx/tree.ts";
import { isSym, parseInfix, Ranges, type Sym } from "../sym/mod.ts";
import { childrenOf } from "../sym/expr.ts";
import type { Tensor } from "../tensor/mod.ts";
import { type Archive, OLD_PROGRAM } from "./archive.ts";
import { type Field, quote } from "./fields.ts";
import { type GraphContext, readGraph } from "./graphs.ts";
import { SymReader } from "./metas.ts";
import { ModuleStacks } from "./origins.ts";
import { readPickledWeights } from "./pickled.ts";
import { readSamples } from "./samples.ts";
import { readInputDrafts, readSignature } from "./signature.ts";
import { readModuleCallGraph } from "./tree_spec.ts";
import { readVersion, type SchemaVersion } from "./versions.ts";
import { checkDistinct, checkTotal, readWeights, type Weights } from "./weights.ts";

const KNOWN_VERIFIERS: ReadonlySet<string> = new Set(["ATEN", "TRAINING", ""]);

/** Names of the entries that make up a program, besides its graph. */
interface Parts {
  readonly samples: string;
  readonly state: Part;
  /** Torch 2.1 had constants among the weights. */
  readonly constants: Part | null;
}

/** A `torch.save` file, or an index of the files in a folder. */
type Part = string | { readonly folder: "data/weights/" | "data/constants/"; readonly index: string };

function partsOf(archive: Archive, model: string, { text: version }: SchemaVersion): Parts {
  if (archive.layout === "files") {
    // Before torch 2.3 the names claim JSON, which the files are not.
    const suffix = version === "1" || version === "2" ? "json" : "pt";
    return {
      samples: "serialized_example_inputs.pt",
      state: `serialized_state_dict.${suffix}`,
      constants: version === "1" ? null : `serialized_constants.${suffix}`,
    };
  }
  const part = (folder: "data/weights/" | "data/constants/", index: string): Part =>
    archive.find(`${folder}${model}.pt`) === null ? { folder, index } : `${folder}${model}.pt`;
  return {
    samples: `data/sample_inputs/${model}.pt`,
    state: part("data/weights/", `${model}_weights_config.json`),
    constants: part("data/constants/", `${model}_constants_config.json`),
  };
}

/** Reads the program of one model. */
export async function readProgram(archive: Archive, model: string): Promise<ExportedProgram> {
  const entry = archive.layout === "files" ? OLD_PROGRAM : `models/${model}.json`;
  let root = await archive.readJson(entry);
  const warnings: string[] = [];
  const version = await readVersion(archive, root, warnings);
  const parts = partsOf(archive, model, version);
  const torchVersion = root.find("torch_version")?.string() ?? version.release ?? "";
  if (version.release !== null) {
    const { upgradeProgram } = await import("./upgrade/mod.ts");
    root = upgradeProgram(root, version.text);
  }
  const verifiers = root.find("verifiers")?.list().map((f) => f.string()) ?? [];
  for (const name of verifiers) {
    if (!KNOWN_VERIFIERS.has(name)) warnings.push(`The dialect ${quote(name)} is not known`);
  }

  const state = await readPart(archive, parts.state, warnings);
  const constants = await readPart(archive, parts.constants, warnings);
  checkDistinct(archive, state, constants);
  checkTotal(archive, [...state.tensors.values(), ...constants.tensors.values()]);

  const module = root.get("graph_module");
  const signatureField = module.get("signature");
  const drafts = readInputDrafts(signatureField);
  const context: GraphContext = {
    syms: new SymReader(),
    stacks: new ModuleStacks(),
    objects: constants.objects,
    warnings,
  };
  const graph = readGraph(module.get("graph"), "main_graph", context, drafts);
  const signature = readSignature(signatureField, drafts, graph);
  for (const [i, spec] of signature.inputSpecs.entries()) checkWeight(drafts[i].field, spec, state, constants);
  if (context.stacks.ambiguous) {
    warnings.push("Some nodes have a module stack that can't be told apart; it is left out");
  }
  const file = { file: archive.file, entry };
  const moduleCallGraph = checkCalls(module.get("module_call_graph"), file, signature);
  const ranges = readRanges(root.get("range_constraints"), context.syms);

  let samples: Promise<readonly SampleInput[] | null> | null = null;
  const readAllSamples = async (): Promise<readonly SampleInput[] | null> => {
    const file = archive.find(parts.samples);
    if (file === null || file.size === 0) return null;
    try {
      return await readSamples(archive, parts.samples, { signature, moduleCallGraph });
    } catch (error) {
      // What is damaged is an error; what only does not fit the program is not.
      if (!(error instanceof SyntaxError)) throw error;
      warnings.push(`The sample inputs can't be used: ${error.message}`);
      return null;
    }
  };
  return {
    source: archive.file,
    graph,
    signature,
    rangeConstraints: ranges.ranges,
    constraints: ranges.constraints,
    symbolHints: context.syms.hints,
    moduleCallGraph,
    namedTuples: readNamedTuples(module.find("treespec_namedtuple_fields")),
    stateDict: state.tensors,
    constants: constants.tensors,
    sampleInputs: () => samples ??= readAllSamples(),
    verifiers,
    torchVersion,
    schemaVersion: version.text,
    guardsCode: root.find("guards_code")?.list().map((f) => f.string()) ?? [],
    serializationId: await archive.readText(".data/serialization_id"),
    warnings,
  };
}

function readNamedTuples(field: Field | null): ReadonlyMap<string, readonly string[]> {
  const entries = field?.entries() ?? [];
  return new Map([...entries].map(([name, def]) => [name, def.get("field_names").list().map((f) => f.string())]));
}

async function readPart(archive: Archive, part: Part | null, warnings: string[]): Promise<Weights> {
  if (part === null) return { tensors: new Map(), objects: new Set() };
  return typeof part === "string"
    ? await readPickledWeights(archive, part, warnings)
    : await readWeights(archive, part.folder, part.index, warnings);
}

/** What an input stands for must be there, and be of the dtype and shape that the graph says. */
function checkWeight(field: Field, spec: InputSpec, state: Weights, constants: Weights): void {
  const { target, value, kind } = spec;
  if (target === null) return;
  if (kind === "CUSTOM_OBJ") {
    if (!constants.objects.has(target)) field.fail(`custom object ${quote(target)} is not among the constants`);
    return;
  }
  const tensor: Tensor | undefined = state.tensors.get(target) ?? constants.tensors.get(target);
  if (tensor === undefined) return field.fail(`weight ${quote(target)} is not in the archive`);
  if (value.meta?.kind !== "tensor") return field.fail(`input ${quote(value.name)} is not a tensor`);
  const { dtype, shape } = value.meta;
  if (tensor.dtype !== dtype || tensor.shape.length !== shape.length || tensor.shape.some((n, i) => n !== shape[i])) {
    field.fail(
      `weight ${quote(target)} is ${tensor.dtype}[${tensor.shape.join(", ")}], ` +
        `but the graph takes ${dtype}[${shape.map(String).join(", ")}]`,
    );
  }
}

/** The calling conventions; the first must fit the signature. */
function checkCalls(field: Field, file: { file: string; entry: string }, signature: GraphSignature): ModuleCallEntry[] {
  const entries = readModuleCallGraph(field, file);
  const inputs = signature.inputSpecs.filter((spec) => spec.kind === "USER_INPUT").length;
  const outputs = signature.outputSpecs.filter((s) => s.kind === "USER_OUTPUT" || s.kind === "LOSS_OUTPUT").length;
  const first = entries.at(0);
  if (first === undefined || first.fqn !== "" || first.signature === null) {
    return [plainCall(inputs, outputs), ...entries];
  }
  const { inSpec, outSpec } = first.signature;
  const [given, returned] = [countLeaves(inSpec), countLeaves(outSpec)];
  if (given !== inputs) field.fail(`the calling convention takes ${given} values, the graph ${inputs}`);
  if (outputs > 0 && returned !== outputs) {
    field.fail(`the calling convention returns ${returned} values, the graph ${outputs}`);
  }
  return entries;
}

/** Bounds of symbols, and the constraints as recorded. */
function readRanges(field: Field, syms: SymReader): { ranges: Ranges; constraints: RangeConstraint[] } {
  const known = new Set<string>();
  for (const expr of syms.used) collectKeys(expr, known);
  const bounds: [string, { min: bigint | null; max: bigint | null }][] = [];
  const constraints: RangeConstraint[] = [];
  for (const [key, constraint] of field.entries()) {
    const min = constraint.find("min_val")?.int() ?? null;
    const max = constraint.find("max_val")?.int() ?? null;
    if (min !== null && max !== null && min > max) constraint.fail(`the range from ${min} to ${max} holds no value`);
    const expr = constraint.guard(() => parseInfix(key));
    if (!isSym(expr)) return constraint.fail(`${quote(key)} is not a symbolic expression`);
    if (expr.node.op === "symbol") bounds.push([expr.node.name, { min, max }]);
    // When torch loads a program, constraints on what does not occur in the graph are dropped.
    if (known.has(expr.key)) constraints.push({ expr: key, min, max });
  }
  return { ranges: field.guard(() => Ranges.of(bounds)), constraints };
}

function collectKeys(expr: Sym, keys: Set<string>): void {
  if (keys.has(expr.key)) return;
  keys.add(expr.key);
  for (const child of childrenOf(expr.node)) collectKeys(child, keys);
}
