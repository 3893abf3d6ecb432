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
import { type Archive, refuseVersion } from "./archive.ts";
import { type Field, quote } from "./fields.ts";
import { type GraphContext, readGraph } from "./graphs.ts";
import { SymReader } from "./metas.ts";
import { ModuleStacks } from "./origins.ts";
import { readPickledWeights } from "./pickled.ts";
import { readSamples } from "./samples.ts";
import { readInputDrafts, readSignature } from "./signature.ts";
import { readModuleCallGraph } from "./tree_spec.ts";
import { checkDistinct, checkTotal, readWeights, type Weights } from "./weights.ts";

/** The newest minor version that is known; later ones may have kinds of values that are not. */
const KNOWN_MINOR = 20;
const KNOWN_VERIFIERS: ReadonlySet<string> = new Set(["ATEN", "TRAINING", ""]);

/** Names of the entries that make up a program. */
interface Parts {
  readonly program: string;
  readonly samples: string;
  readonly state: Part;
  readonly constants: Part;
}

interface Part {
  readonly folder: "data/weights/" | "data/constants/";
  /** A `torch.save` file, or null where there is an index. */
  readonly pickle: string | null;
  readonly index: string;
}

function partsOf(archive: Archive, model: string): Parts {
  const part = (folder: Part["folder"], old: string, index: string): Part => {
    const pickle = archive.layout === "files" ? old : `${folder}${model}.pt`;
    return { folder, index, pickle: archive.layout === "files" || archive.find(pickle) !== null ? pickle : null };
  };
  const isOld = archive.layout === "files";
  return {
    program: isOld ? "serialized_exported_program.json" : `models/${model}.json`,
    samples: isOld ? "serialized_example_inputs.pt" : `data/sample_inputs/${model}.pt`,
    state: part("data/weights/", "serialized_state_dict.pt", `${model}_weights_config.json`),
    constants: part("data/constants/", "serialized_constants.pt", `${model}_constants_config.json`),
  };
}

/** Reads the program of one model. */
export async function readProgram(archive: Archive, model: string): Promise<ExportedProgram> {
  const parts = partsOf(archive, model);
  const root = await archive.readJson(parts.program);
  const version = root.get("schema_version");
  const schemaVersion = `${version.get("major").size()}.${version.get("minor").size()}`;
  const torchVersion = root.find("torch_version")?.string() ?? "";
  refuseVersion(archive, schemaVersion, torchVersion.slice(0, 40));
  const warnings: string[] = [];
  if (version.get("minor").size() > KNOWN_MINOR) {
    warnings.push(`The program has schema version ${schemaVersion}, which is newer than 8.${KNOWN_MINOR}`);
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
  const file = { file: archive.file, entry: parts.program };
  const moduleCallGraph = checkCalls(module.get("module_call_graph"), file, signature);
  const ranges = readRanges(root.get("range_constraints"), context.syms);

  let samples: Promise<readonly SampleInput[] | null> | null = null;
  const readAllSamples = async (): Promise<readonly SampleInput[] | null> => {
    const entry = archive.find(parts.samples);
    if (entry === null || entry.size === 0) return null;
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
    schemaVersion,
    guardsCode: root.find("guards_code")?.list().map((f) => f.string()) ?? [],
    serializationId: await archive.readText(".data/serialization_id"),
    warnings,
  };
}

function readNamedTuples(field: Field | null): ReadonlyMap<string, readonly string[]> {
  const entries = field?.entries() ?? [];
  return new Map([...entries].map(([name, def]) => [name, def.get("field_names").list().map((f) => f.string())]));
}

async function readPart(archive: Archive, part: Part, warnings: string[]): Promise<Weights> {
  return part.pickle === null
    ? await readWeights(archive, part.folder, part.index, warnings)
    : await readPickledWeights(archive, part.pickle, warnings);
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
