// Package folderlock keeps processes of this program from changing a folder at the same time.
//
// It knows nothing of what is in it. Its invariant: a process that ends, however it ends, holds no lock.
package folderlock
