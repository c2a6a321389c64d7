// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package main

import (
	"log/slog"

	"github.com/coreos/go-systemd/v22/daemon"

	"github.com/certagent/certagent/logkey"
)

// notifier tells systemd how far we are (sd_notify). Without systemd it does
// nothing.
type notifier struct{ logger *slog.Logger }

// ready says that every bundle is published. Vault Agent says so before it has
// logged in.
func (n notifier) ready() { n.notify(daemon.SdNotifyReady) }

func (n notifier) stopping() { n.notify(daemon.SdNotifyStopping) }

func (n notifier) notify(state string) {
	if _, err := daemon.SdNotify(false, state); err != nil {
		n.logger.Warn("systemd was not told", logkey.Error, err)
	}
}
