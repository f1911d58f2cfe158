// Package localdesk runs the program on a folder with connections to ServiceDesk Plus, as desktop clients do: a process a session,
// killed and started again, all with one state folder. The fake is a process, too, and its journal says what was called.
//
// It is tests only, and they know nothing of the program but its flags, what a client sees, and the files it leaves.
package localdesk
