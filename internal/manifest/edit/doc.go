// Package edit changes the text of files that hold Prompt manifests, and keeps every other byte.
//
// It knows nothing of what a change means: it is given the spec that a prompt shall have. Its one invariant: every
// result was read again before it is given, says just what was asked for, and loses no comment. Where a text is
// written in a way that it cannot edit like this, it refuses.
package edit
