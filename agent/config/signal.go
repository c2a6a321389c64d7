// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package config

import (
	"syscall"

	"github.com/hashicorp/consul-template/signals"
)

// asSignal takes a signal's name with SIG before it, in any case, as Vault
// Agent does. The empty string is signal 0: none.
func asSignal(v value) (syscall.Signal, error) {
	name, err := asString(v)
	if err != nil {
		return 0, err
	}
	if name == "" {
		return 0, nil
	}
	if found, err := signals.Parse(name); err == nil {
		return found.(syscall.Signal), nil
	}
	hint := `write its name, such as "SIGHUP"`
	if _, err := signals.Parse("SIG" + name); err == nil {
		hint = "write SIG before it"
	}
	return 0, &mismatch{"unknown signal " + v.show(), hint}
}
