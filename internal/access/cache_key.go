package access

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"hash"
	"maps"
	"slices"
	"sync"
)

// cacheKey is under which an answer is kept. It is made with a key of this process, so that nothing of a token, and nothing
// one could find by trying, is in memory for longer than a request.
type cacheKey [sha256.Size]byte

// credentialID is in the extra of each token, and another in each: rights do not depend on it, and with it in the key every
// rotated token would be reviewed anew.
const credentialID = "authentication.kubernetes.io/credential-id"

// cacheKeys makes keys.
type cacheKeys struct{ hashers sync.Pool }

// keyHasher is what one key at a time is made with.
type keyHasher struct {
	mac      hash.Hash
	in       []byte
	out      cacheKey
	sortable []string
}

func newCacheKeys() *cacheKeys {
	secret := make([]byte, sha256.Size)
	_, _ = rand.Read(secret) // never fails
	return &cacheKeys{hashers: sync.Pool{New: func() any { return &keyHasher{mac: hmac.New(sha256.New, secret)} }}}
}

func (k *cacheKeys) start() *keyHasher {
	h, _ := k.hashers.Get().(*keyHasher)
	h.mac.Reset()
	h.in = h.in[:0]
	return h
}

// finish returns the key of all that was added.
func (k *cacheKeys) finish(h *keyHasher) cacheKey {
	h.mac.Write(h.in)
	h.mac.Sum(h.out[:0])
	key := h.out
	clear(h.in)
	k.hashers.Put(h)
	return key
}

// add adds a text with its length, so that no two lists of texts are the same bytes.
func (h *keyHasher) add(text string) {
	h.in = binary.AppendUvarint(h.in, uint64(len(text)))
	h.in = append(h.in, text...)
}

func (h *keyHasher) addAll(texts []string) {
	h.in = binary.AppendUvarint(h.in, uint64(len(texts)))
	for _, text := range texts {
		h.add(text)
	}
}

// ofToken returns the key of a token.
func (k *cacheKeys) ofToken(token string, audiences []string) cacheKey {
	h := k.start()
	h.add(token)
	h.addAll(audiences)
	return k.finish(h)
}

// addRights adds all that a review is told of a caller, which is the same for two callers exactly if they have the same rights.
func (h *keyHasher) addRights(identity *Identity) {
	h.add(identity.Subject)
	h.add(identity.UID)
	h.addAll(identity.Groups)
	h.sortable = slices.AppendSeq(h.sortable[:0], maps.Keys(identity.Extra))
	slices.Sort(h.sortable)
	for _, name := range h.sortable {
		if name != credentialID {
			h.add(name)
			h.addAll(identity.Extra[name])
		}
	}
	clear(h.sortable)
}

// ofIdentity returns the key of a caller's rights.
func (k *cacheKeys) ofIdentity(identity *Identity) cacheKey {
	h := k.start()
	h.addRights(identity)
	return k.finish(h)
}

// RightsKey returns 32 bytes that are the same for two callers exactly if they have the same rights, and were proven alike: nothing
// is reviewed of a person who started the program.
func RightsKey(identity *Identity) string {
	var h keyHasher
	h.add(string(identity.Proof))
	h.addRights(identity)
	key := sha256.Sum256(h.in)
	return string(key[:])
}

// ofQuestion returns the key of a question about a caller.
func (k *cacheKeys) ofQuestion(ctx context.Context, who cacheKey, question *Question) cacheKey {
	h := k.start()
	h.in = append(h.in, who[:]...)
	h.add(string(question.Verb))
	h.add(string(question.Resource))
	h.add(question.Namespace)
	h.add(question.Name)
	if question.Namespace != "" && ctx.Value(unnamedKey{}) != nil {
		h.add("unnamed")
	}
	return k.finish(h)
}
