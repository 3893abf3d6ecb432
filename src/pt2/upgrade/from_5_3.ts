/** From schema version 5.3 (torch 2.4) to 7.3 (torch 2.5). */
import { edited, type Step } from "./walk.ts";

export const from5_3: Step = {
  program: (field) => edited(field, { dialect: undefined, verifiers: [field.get("dialect").string()] }),
};
