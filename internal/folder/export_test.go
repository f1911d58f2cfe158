package folder

// IsPending reports whether the last scan left a file because it may still be written.
func (f *Folder) IsPending(path string) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	_, is := f.pending[path]
	return is
}
