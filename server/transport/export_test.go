package transport

// FreeBytes returns how many bytes of large bodies would be admitted.
func (h *Handler) FreeBytes() int64 {
	h.largeBodies.mu.Lock()
	defer h.largeBodies.mu.Unlock()
	return h.largeBodies.free
}
