import type { ArtifactType } from '../../store/types.ts';

/** One way in which artifacts leave: which it takes, and how they are written for the tools outside. */
export interface Exporter {
  /** What it takes. */
  artifacts: readonly ArtifactType[];
  /** What the directory is good for: the end of the sentence that is printed. */
  loads(directory: string, type: ArtifactType): string;
  /**
   * @param source the artifact's files, to be read, or moved away
   * @param directory exists and is empty
   */
  write(source: string, directory: string): Promise<void>;
}
