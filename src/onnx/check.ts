export function checkModel(..._a: unknown[]): string[] { return []; }
