/** From schema version 5.1 (torch 2.3) to 5.3 (torch 2.4). */
import { edited, object, type Rule, type Step } from "./walk.ts";

/** The tensors of a list with gaps are bare names. */
const optionalTensor: Rule = (field) => {
  const tensor = field.find("as_tensor");
  return tensor === null ? field.json : edited(field, { as_tensor: object({ name: tensor.string() }) });
};

export const from5_1: Step = { optionalTensor };
