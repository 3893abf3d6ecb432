/** What both dialects share: graphs with use lists, origins and errors. */
export { Graph, Names, Node, Uses, Value } from "./graph.ts";
export { framesOf, type ModuleScope, type Origin, type SourceLine, sourceText, userSource } from "./origin.ts";
export * from "./errors.ts";
