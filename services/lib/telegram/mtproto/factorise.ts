/** The server's puzzle is a product of two primes below 2^32: Pollard's rho, by Brent, a few milliseconds. */
export function factorise(pq: bigint): [bigint, bigint] | undefined {
  if (pq < 4n || pq >= 1n << 63n) return undefined;
  if (pq % 2n === 0n) return inOrder(2n, pq);
  for (let addend = 1n; addend < MOST_ADDENDS; addend += 1n) {
    const factor = rho(pq, addend);
    if (factor !== undefined) return inOrder(factor, pq);
  }
  return undefined;
}

const MOST_ADDENDS = 4n;
/** Four times what a factor below 2^32 takes; a server that sends a prime shall not hold us up. */
const MOST_STEPS = 1 << 18;
const BATCH = 128;

function rho(n: bigint, addend: bigint): bigint | undefined {
  let tortoise = 2n;
  let hare = 2n;
  let product = 1n;
  let steps = 0;
  for (let power = 1; steps < MOST_STEPS; power *= 2) {
    tortoise = hare;
    let batchStart = hare;
    for (let step = 1; step <= power && steps < MOST_STEPS; step += 1, steps += 1) {
      hare = (hare * hare + addend) % n;
      product = (product * (hare > tortoise ? hare - tortoise : tortoise - hare)) % n;
      if (step % BATCH !== 0 && step !== power) continue;
      const factor = gcd(product, n);
      if (factor === n || product === 0n) return oneByOne(n, addend, tortoise, batchStart);
      if (factor > 1n) return factor;
      product = 1n;
      batchStart = hare;
    }
  }
  return undefined;
}

/** Both factors fell into one batch: it is walked again. */
function oneByOne(n: bigint, addend: bigint, tortoise: bigint, from: bigint): bigint | undefined {
  let hare = from;
  for (let step = 0; step <= BATCH; step += 1) {
    hare = (hare * hare + addend) % n;
    const factor = gcd(hare > tortoise ? hare - tortoise : tortoise - hare, n);
    if (factor === n) return undefined;
    if (factor > 1n) return factor;
  }
  return undefined;
}

function inOrder(factor: bigint, pq: bigint): [bigint, bigint] | undefined {
  const other = pq / factor;
  const [p, q] = factor < other ? [factor, other] : [other, factor];
  return q < 1n << 32n ? [p, q] : undefined;
}

function gcd(a: bigint, b: bigint): bigint {
  let [x, y] = [a, b];
  while (y !== 0n) [x, y] = [y, x % y];
  return x;
}
