import { TorchFileError } from './error.ts';

/**
 * A reader of the pickles inside checkpoints that runs nothing: numbers, strings, lists, tuples, dicts, and what torch writes
 * for a tensor. A pickle may name any function and have it called; here the names below are all there are, and stand for what
 * is built by this file. Source: CPython, Lib/pickletools.py (protocol 2, which torch.save writes); PyTorch,
 * torch/_utils.py and torch/serialization.py.
 */
export type Pickled =
  | null
  | boolean
  | number
  | string
  | PickledStorage
  | PickledTensor
  | PickledDict
  | Pickled[];

type PickledDict = Map<string | number, Pickled>;

/** The numbers of one or several tensors: an entry `data/<key>` of the archive. */
export class PickledStorage {
  constructor(
    /** `FloatStorage` ... */
    readonly type: string,
    readonly key: string,
    readonly elements: number,
  ) {}
}

export class PickledTensor {
  constructor(
    readonly storage: PickledStorage,
    /** In elements, as the strides. */
    readonly offset: number,
    readonly shape: number[],
    readonly strides: number[],
  ) {}
}

/** A global that may be named: what a call of it gives. */
class Callable {
  constructor(readonly call: (args: Pickled[]) => Pickled) {}
}

class StorageType {
  constructor(readonly name: string) {}
}

type Item = Pickled | Callable | StorageType | typeof MARK;
const MARK = Symbol('mark');

/** A checkpoint has a few dozen instructions a tensor. */
const MAX_STEPS = 1_000_000;

const isNatural = (value: unknown): value is number =>
  typeof value === 'number' && Number.isSafeInteger(value) && value >= 0;

/**
 * @param where names the file in errors
 * @throws TorchFileError when it is damaged, or holds anything else
 */
export function readPickle(bytes: Uint8Array, where: string): Pickled {
  return new Unpickler(bytes, where).run();
}

class Unpickler {
  private at = 0;
  private readonly stack: Item[] = [];
  private readonly memo = new Map<number, Item>();
  private readonly view: DataView;

  /** By the character of their code. */
  private readonly instructions: Readonly<Record<string, () => void>> = {
    '\x80': () => this.protocol(this.byte()),
    N: () => this.push(null),
    '\x88': () => this.push(true),
    '\x89': () => this.push(false),
    K: () => this.push(this.byte()),
    M: () => this.push(this.view.getUint16(this.take(2), true)),
    J: () => this.push(this.view.getInt32(this.take(4), true)),
    '\x8a': () => this.push(this.long()),
    G: () => this.push(this.view.getFloat64(this.take(8), false)),
    X: () => this.push(this.text(this.length())),
    ')': () => this.push([]),
    ']': () => this.push([]),
    '}': () => this.push(new Map()),
    '(': () => this.push(MARK),
    t: () => this.push(this.untilMark()),
    '\x85': () => this.push(this.last(1)),
    '\x86': () => this.push(this.last(2)),
    '\x87': () => this.push(this.last(3)),
    a: () => this.append(this.last(1)),
    e: () => this.append(this.untilMark()),
    s: () => this.setItems(this.last(2)),
    u: () => this.setItems(this.untilMark()),
    q: () => this.remember(this.byte()),
    r: () => this.remember(this.length()),
    h: () => this.recall(this.byte()),
    j: () => this.recall(this.length()),
    c: () => this.push(this.global(this.line(), this.line())),
    Q: () => this.push(this.storage(this.pop())),
    R: () => this.reduce(),
    b: () => this.build(),
  };

  constructor(
    private readonly bytes: Uint8Array,
    private readonly where: string,
  ) {
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  run(): Pickled {
    for (let steps = 0; steps < MAX_STEPS; steps++) {
      const code = this.byte();
      if (code === 0x2e) return this.value();
      this.step(code);
    }
    throw this.refuse(`has more than ${MAX_STEPS} instructions`);
  }

  private step(code: number): void {
    const key = String.fromCharCode(code);
    const instruction = Object.hasOwn(this.instructions, key) ? this.instructions[key] : undefined;
    if (!instruction) throw this.refuse(`has the instruction 0x${code.toString(16)}, which no tensor needs`);
    instruction();
  }

  private protocol(version: number): void {
    if (version > 2)
      throw this.refuse(
        `is of protocol ${version}`,
        'save it with the protocol that torch.save takes by default',
      );
  }

  /** What may be named: the constructors of tensors and of ordered dicts, and the types of storages. */
  private global(module: string, name: string): Callable | StorageType {
    const full = `${module}.${name}`;
    if (full === 'collections.OrderedDict') return new Callable((args) => this.orderedDict(args));
    if (full === 'torch._utils._rebuild_tensor_v2') return new Callable((args) => this.tensor(args));
    if (full === 'torch._utils._rebuild_parameter')
      return new Callable(([tensor]) => {
        if (tensor instanceof PickledTensor) return tensor;
        throw this.damaged();
      });
    if (module === 'torch' && /^[A-Z][A-Za-z0-9]*Storage$/.test(name)) return new StorageType(name);
    throw this.refuse(
      `names ${JSON.stringify(full.slice(0, 100))}, which is neither a tensor nor a dict`,
      'pickles can run code when they are read, so only tensors and dicts are: save `{name: tensor}` (a state_dict) with torch.save',
    );
  }

  private orderedDict(args: Pickled[]): PickledDict {
    if (args.length > 0) throw this.damaged();
    return new Map();
  }

  private tensor([storage, offset, shape, strides]: Pickled[]): PickledTensor {
    const lists = (value: unknown): value is number[] => Array.isArray(value) && value.every(isNatural);
    if (!(storage instanceof PickledStorage) || !isNatural(offset) || !lists(shape) || !lists(strides))
      throw this.damaged();
    return new PickledTensor(storage, offset, shape, strides);
  }

  /** The persistent id of a storage: ('storage', type, key, device, elements). */
  private storage(id: Item): PickledStorage {
    const [tag, type, key, , elements] = (Array.isArray(id) ? id : []) as Item[];
    if (
      tag !== 'storage' ||
      !(type instanceof StorageType) ||
      typeof key !== 'string' ||
      !isNatural(elements)
    )
      throw this.damaged();
    return new PickledStorage(type.name, key, elements);
  }

  private reduce(): void {
    const args = this.pop();
    const callable = this.pop();
    if (!(callable instanceof Callable) || !Array.isArray(args)) throw this.damaged();
    this.push(callable.call(args));
  }

  /** Attributes of an object: torch hangs version numbers on a state_dict, which say nothing about its tensors. */
  private build(): void {
    this.pop();
    if (!(this.stack.at(-1) instanceof Map)) throw this.damaged();
  }

  private append(items: Item[]): void {
    const list = this.stack.at(-1);
    if (!Array.isArray(list)) throw this.damaged();
    for (const item of items) list.push(item as Pickled);
  }

  private setItems(items: Item[]): void {
    const dict = this.stack.at(-1);
    if (!(dict instanceof Map) || items.length % 2 !== 0) throw this.damaged();
    for (let i = 0; i < items.length; i += 2) {
      const key = items[i];
      if (typeof key !== 'string' && typeof key !== 'number') throw this.damaged();
      dict.set(key, items[i + 1] as Pickled);
    }
  }

  private remember(index: number): void {
    const top = this.stack.at(-1);
    if (top === undefined) throw this.damaged();
    this.memo.set(index, top);
  }

  private recall(index: number): void {
    const item = this.memo.get(index);
    if (item === undefined) throw this.damaged();
    this.push(item);
  }

  private push(item: Item): void {
    this.stack.push(item);
  }

  private pop(): Item {
    const item = this.stack.pop();
    if (item === undefined) throw this.damaged();
    return item;
  }

  /** The last item, which must be a value and not something to call. */
  private value(): Pickled {
    const item = this.pop();
    if (item === MARK || item instanceof Callable || item instanceof StorageType) throw this.damaged();
    return item as Pickled;
  }

  private last(count: number): Pickled[] {
    if (this.stack.length < count) throw this.damaged();
    return this.stack.splice(-count) as Pickled[];
  }

  private untilMark(): Pickled[] {
    const mark = this.stack.lastIndexOf(MARK);
    if (mark < 0) throw this.damaged();
    const items = this.stack.splice(mark);
    return items.slice(1) as Pickled[];
  }

  private byte(): number {
    return this.bytes[this.take(1)] as number;
  }

  /** Steps over `count` bytes. @returns where they start */
  private take(count: number): number {
    const start = this.at;
    if (start + count > this.bytes.length) throw this.damaged();
    this.at += count;
    return start;
  }

  private length(): number {
    return this.view.getUint32(this.take(4), true);
  }

  private text(length: number): string {
    const start = this.take(length);
    return new TextDecoder().decode(this.bytes.subarray(start, start + length));
  }

  /** Up to the end of the line, without it. */
  private line(): string {
    const end = this.bytes.indexOf(0x0a, this.at);
    if (end < 0) throw this.damaged();
    const text = this.text(end - this.at);
    this.at++;
    return text;
  }

  /** A whole number of up to 8 bytes, little endian, two's complement. */
  private long(): number {
    const length = this.byte();
    if (length > 8) throw this.refuse('has a whole number beyond 64 bits');
    const start = this.take(length);
    let value = 0n;
    for (let i = length - 1; i >= 0; i--) value = (value << 8n) | BigInt(this.bytes[start + i] as number);
    return Number(BigInt.asIntN(8 * length, value));
  }

  private damaged(): TorchFileError {
    return new TorchFileError(`${this.where} is damaged: its pickle does not parse`);
  }

  private refuse(what: string, hint?: string): TorchFileError {
    return new TorchFileError(`${this.where}: its pickle ${what}`, hint);
  }
}
