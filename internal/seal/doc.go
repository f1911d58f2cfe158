// Package seal encrypts what only another program of the same installation may read, and keeps its keys in files.
//
// Keys are keysets of Tink (https://developers.google.com/tink). What is handed over is sealed by HPKE (RFC 9180) with DHKEM(X25519,
// HKDF-SHA256), HKDF-SHA256 and AES-256-GCM: who has the public file seals, who has the private one opens. What is stored is sealed
// by AES-256-GCM, for the cell it is stored in (Cell), with keys that are replaced while they are in use (StorageKeyset).
//
// The package knows nothing of what it seals, no store and no Kubernetes. Its invariant: no key and no text that was sealed is in an
// error, a log or an output, and what is sealed in one context opens in no other.
package seal
