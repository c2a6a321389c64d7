// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

// Command vault is Vault itself, pinned, for the acceptance tests: a module of
// its own, so that certagent depends on none of it.
package main

import (
	"os"

	"github.com/hashicorp/vault/command"
)

func main() { os.Exit(command.Run(os.Args[1:])) }
