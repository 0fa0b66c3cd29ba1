/** The newest entries, each with a number that rises by one; the oldest give way. */
export class Ring<T> {
  readonly #limit: number;
  #items: (T | undefined)[] = [];
  #first = 1;
  #next = 1;

  constructor(limit: number) {
    this.#limit = limit;
  }

  /** The number of the oldest entry kept, and of the next to come. */
  get first(): number {
    return this.#first;
  }

  get next(): number {
    return this.#next;
  }

  get dropped(): number {
    return this.#first - 1;
  }

  push(item: T): number {
    const number = this.#next++;
    this.#items[number % this.#limit] = item;
    if (this.#next - this.#first > this.#limit) this.#first += 1;
    return number;
  }

  at(number: number): T | undefined {
    return number >= this.#first && number < this.#next ? this.#items[number % this.#limit] : undefined;
  }

  clear(): void {
    this.#items = [];
    this.#first = 1;
    this.#next = 1;
  }
}
