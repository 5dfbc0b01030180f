import type { ArtifactType } from '../../store/types.ts';

/** One way in which artifacts leave: which it takes, and how they are written for the tools outside. */
export interface Exporter {
  /** What it takes. */
  artifact: ArtifactType;
  /** What the directory is good for: the end of the sentence that is printed. */
  loads(directory: string): string;
  /**
   * @param source the artifact's files, to be read, or moved away
   * @param directory exists and is empty
   */
  write(source: string, directory: string): Promise<void>;
}
