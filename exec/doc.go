// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

// Package exec starts, stops and signals processes: the child that an exec
// block describes, the commands that react to a change, and processes that are
// known by their pid file.
//
// Every process that it starts leads a process group of its own, so that all it
// left behind can be ended with it, and is killed by the kernel if certagent
// itself is killed. Arguments and environments may hold secrets: no log and no
// error shows them, only the program's name.
//
// It refuses to decide: whether a child that has exited is started again,
// whether a failed command is run again and when, is for the caller to say. It
// runs no shell of its own accord and signals no process that it is not sure of.
package exec
