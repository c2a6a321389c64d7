// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

// Command check reads a Nomad job, a Dockerfile or a Kubernetes manifest with
// the types and parsers of Nomad, BuildKit and Kubernetes, and refuses what
// these do not know. What it has read it prints as JSON, for the tests beside
// it. It is a module of its own so that none of this becomes part of the
// product.
package main

import (
	"encoding/json"
	"fmt"
	"os"
)

// readers return what a file says, for json.Marshal.
var readers = map[string]func(path string) (any, error){
	"nomad":      readJob,
	"dockerfile": readDockerfile,
	"kubernetes": readManifest,
}

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "check: error:", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	if len(args) != 2 || readers[args[0]] == nil {
		return fmt.Errorf("usage: check nomad|dockerfile|kubernetes FILE")
	}
	read, err := readers[args[0]](args[1])
	if err != nil {
		return err
	}
	return json.NewEncoder(os.Stdout).Encode(read)
}
