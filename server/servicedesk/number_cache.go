package servicedesk

import (
	"sync"

	"github.com/hashicorp/golang-lru/v2/simplelru"
)

// keptNumbers is of how many tickets a connection keeps which id a number has.
const keptNumbers = 2000

// numberCache has the internal ids of tickets by the numbers that people quote. It is no right to see one: what is found is
// checked again.
type numberCache struct {
	mu  sync.Mutex
	ids *simplelru.LRU[string, string]
}

func newNumberCache() *numberCache {
	ids, err := simplelru.NewLRU[string, string](keptNumbers, nil)
	if err != nil {
		panic(err) // only a size below one is refused
	}
	return &numberCache{ids: ids}
}

func (c *numberCache) find(number string) (id string, known bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.ids.Get(number)
}

func (c *numberCache) add(number, id string) {
	if number == "" || id == "" {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.ids.Add(number, id)
}

func (c *numberCache) remove(number string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.ids.Remove(number)
}
