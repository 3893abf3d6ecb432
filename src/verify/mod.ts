/** temporary */
import type { VerificationReport } from "./report.ts";
export function verifyProgram(_p: unknown, _o: unknown): Promise<VerificationReport> { throw new Error("not yet"); }
export function verify(_p: unknown, _o: unknown): Promise<VerificationReport> { throw new Error("not yet"); }
