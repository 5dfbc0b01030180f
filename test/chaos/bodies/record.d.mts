export function now(): number;
export function record(control: string, point: string, step: number): void;
export function reach(control: string, name: string): void;
