/** The FX dialect: programs as `torch.export` captures them. */
export * from "./args.ts";
export * from "./graph.ts";
export * from "./program.ts";
export {
  type Alias,
  type FunctionSchema,
  parseSchema,
  type SchemaArg,
  type SchemaReturn,
  type SchemaType,
} from "./schema.ts";
export type { Args, Positional, Result } from "./schema_types.ts";
export { candidateName, FxNamespace } from "./namespace.ts";
export { formatArg, formatGraph, formatNode, formatSignature, formatTarget, operatorText } from "./print.ts";
export { allNodes, calledBy, graphsOf, hasComplex, targetsOf } from "./walk.ts";
