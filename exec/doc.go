// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

// Package exec starts, stops and signals processes: the child that an exec
// block describes, which a Supervisor keeps running, the commands that react to
// a change, and processes that are known by their pid file. As an init process
// it also reaps what others leave behind (Reaper), hands over the terminal, and
// knows which signals to send on (Forwardable, Rewrites).
//
// Every process that it starts leads a process group of its own, so that all it
// left behind can be ended with it; it is killed by the kernel if certagent
// itself is killed; and it begins with the default action for every signal and
// none blocked. Arguments and environments may hold secrets: no log and no error
// shows them, only the program's name.
//
// A child that has exited is started again by its RestartPolicy alone. Whether a
// failed command is run again and when is for the caller to say. It runs no
// shell of its own accord and signals no process that it is not sure of. No other
// package of a program that reaps may start processes: it would not know them
// from orphans.
package exec
