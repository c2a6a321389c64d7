// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

// Command vault is a pinned version of Vault for the acceptance tests. It is a
// separate module, so that certagent does not depend on Vault.
package main

import (
	"os"

	"github.com/hashicorp/vault/command"
)

func main() { os.Exit(command.Run(os.Args[1:])) }
