export type LanguageName = 'ts' | 'python' | 'go';

export interface Workspace {
  root: string;
  protoFiles: readonly string[]; // relative to proto/, sorted
  toolsFolder: string; // where generators that npm does not bring are installed
  env: NodeJS.ProcessEnv;
}

export interface Language {
  name: LanguageName;
  outputFolder: string;
  // Everything besides the contracts that decides what comes out: read into the stamp.
  generatorIdentity(root: string): Promise<string>;
  // Writes the whole output to `outputFolder` below an empty folder.
  generate(workspace: Workspace, into: string): Promise<void>;
}
