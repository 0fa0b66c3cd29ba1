// Runs before anything else, also under a Node that does not know TypeScript.
const major = Number(process.versions.node.split('.')[0]);
if (major < 24) {
  process.stderr.write(
    `Node ${process.versions.node} is too old here: 24 or newer is needed. Use npm start, which takes the Node ` +
      'of the npm packages; if it does already, that Node could not be installed for ' +
      `${process.platform}-${process.arch}: install Node 26 yourself.\n`,
  );
  process.exit(1);
}
