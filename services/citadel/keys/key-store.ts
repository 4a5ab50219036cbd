// The key store port: where the CA's private keys live. key-store-contract.ts is its suite; keys leave it only as handles that sign.
import type { KeyPair, KeyType } from '../x509/keys.ts';

/** Rejections are MeshError: `corrupt` (a key can't be read), `forbidden` (wrong passphrase, too open), `conflict` (it is there already). */
export interface KeyStore {
  /** Where keys lie, for people: never a secret. */
  readonly description: string;
  /** Makes a key pair and keeps it; resolves when it is durable. */
  create(type: KeyType): Promise<StoredKey>;
  /** Undefined when there is none of this name. */
  open(name: string): Promise<KeyPair | undefined>;
  /** Destroys a key that is no longer needed; a missing one is no error. */
  remove(name: string): Promise<void>;
}

/** A key in the store. */
export interface StoredKey {
  /** The start of the SHA-256 of its public key: equal to the id of the authority that is made with it. */
  readonly name: string;
  readonly keys: KeyPair;
}
