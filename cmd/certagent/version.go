// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package main

import (
	"flag"
	"fmt"
	"runtime"
	"runtime/debug"
)

// release is set when a release is built, with -ldflags "-X main.release=v1.2.3".
var release string

// version returns the release, or the module's version.
func version() string {
	if release != "" {
		return release
	}
	if info, ok := debug.ReadBuildInfo(); ok && info.Main.Version != "" {
		return info.Main.Version
	}
	return "(devel)"
}

// runVersion implements "certagent version".
func runVersion(args []string, s streams) int {
	if code, ok := parse(flag.NewFlagSet("version", flag.ContinueOnError), args, s, usageVersion); !ok {
		return code
	}
	fmt.Fprintf(s.out, "certagent %s %s %s/%s\n", version(), runtime.Version(), runtime.GOOS, runtime.GOARCH)
	return exitOK
}
