// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package agent

import (
	"bytes"
	"errors"
	"log/slog"
	"strings"
	"testing"

	"github.com/certagent/certagent/agent/client"
	"github.com/certagent/certagent/logkey"
	"github.com/certagent/certagent/redact"
)

// What requests to Vault carry is in no line of the log, wherever it comes from.
func TestLogHidesKnownSecrets(t *testing.T) {
	t.Parallel()
	const secret = "canary-that-is-a-credential"
	var known client.Known
	known.Add(secret)
	var out bytes.Buffer
	log := slog.New(hidingHandler{slog.NewTextHandler(&out, nil), &known})
	log.With(logkey.Path, "of "+secret).Info("message "+secret, logkey.Output, "id "+secret, logkey.Error, errors.New(secret),
		slog.Group("group", logkey.Text, secret), logkey.Files, []string{secret}, logkey.Code, 7, logkey.Hint, nil)
	log.WithGroup("g").Info("nothing to hide", logkey.Name, "web")
	if text := out.String(); strings.Contains(text, secret) || strings.Count(text, redact.Mark) != 6 ||
		!strings.Contains(text, "code=7") || !strings.Contains(text, "g.name=web") {
		t.Errorf("got:\n%s", text)
	}
}
