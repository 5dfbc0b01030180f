/** What the learning rate is multiplied with at step 0, 1, ... */
export type Schedule = (step: number) => number;
