// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

// Package exec starts, stops and signals processes: the child of an exec block,
// which a [Supervisor] keeps running, the commands that run after a change, and
// processes that have a pid file. For an init process it also reaps orphans
// ([Reaper]), hands over the terminal, and knows which signals to forward
// ([Forwardable], [Rewrites]).
//
// Every process that it starts leads a process group of its own, so that its
// descendants can be stopped with it. The kernel kills it if certagent is killed.
// It begins with the default action for every signal and with none blocked, also
// under nohup. Arguments and environments may contain secrets: no log and no error
// shows them in full (see [CommandLine]).
//
// A child that has exited is restarted only by its [RestartPolicy]. The caller
// decides whether and when a failed command runs again. The package does not run a
// shell by itself, and does not signal a process whose identity it cannot verify.
// In a program that reaps, no other package may start processes, because the
// Reaper could not distinguish them from orphans.
package exec
