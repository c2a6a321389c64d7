// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

// Command certagent keeps the certificates of programs fresh, with Vault as the
// issuer. usage.txt, which certagent -h prints, describes it.
package main

import (
	"io"
	"os"
	"runtime"
	"strings"
	_ "time/tzdata" // a window names a time zone, and an image of this binary alone has none
)

// The main goroutine keeps the main thread to itself. The kernel gives a signal to that
// thread, and one that waits for a file system without an answer would never take it.
func init() { runtime.LockOSThread() }

func main() {
	os.Exit(run(os.Args[1:], streams{os.Stdin, os.Stdout, os.Stderr}))
}

// streams are the process's standard files.
type streams struct{ in, out, err *os.File }

// command is a subcommand. Its exit code is the process's.
type command func(args []string, s streams) int

var commands = map[string]command{
	"agent":    runAgent,
	"validate": runValidate,
	"wait":     runWait,
	"dev":      runDev,
	"version":  runVersion,
}

// run runs a subcommand and returns its exit code. Flags without a subcommand are
// those of agent: "certagent -config=PATH" works.
func run(args []string, s streams) int {
	if len(args) == 0 {
		io.WriteString(s.err, usage)
		return exitUsage
	}
	switch args[0] {
	case "-h", "-help", "--help", "help":
		io.WriteString(s.out, usage)
		return exitOK
	case "-v", "-version", "--version":
		return runVersion(nil, s)
	}
	if strings.HasPrefix(args[0], "-") {
		return runAgent(args, s)
	}
	if command, ok := commands[args[0]]; ok {
		return command(args[1:], s)
	}
	complain(s.err, "there is no command \""+args[0]+"\"", "certagent -h lists the commands")
	return exitUsage
}
