// Package releases holds what is here to what was released: hack/releases has of each release its queries, which still have to run
// while pods of it are replaced, its objects, which clusters still have, and its values, which people still have. It has no code of its own.
package releases
