// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"
	"time"
)

// event is an observation of the reader. It has a digest of the file, because the
// token is a secret.
type event struct {
	kind   kind
	digest string
	left   time.Duration  // until the token expires
	meta   map[string]any // the token's metadata in Vault
}

type kind int

const (
	lookedUp kind = iota // the token in the file is valid
	commandRan
)

// reader reads the token as a program does.
type reader struct {
	*demo
	commands int // how often the command ran
}

// look reads the token, looks it up in Vault, and checks whether the command ran.
func (r *reader) look(ctx context.Context) error {
	text, err := os.ReadFile(r.Path("api-token"))
	if errors.Is(err, fs.ErrNotExist) {
		return nil // not yet
	}
	if err != nil {
		return err
	}
	e := event{kind: lookedUp, digest: digest(text)}
	if e.left, e.meta, err = r.lookUp(ctx, string(text)); err != nil {
		return fmt.Errorf("looking up the token in the file: %w", err)
	}
	r.observe(e)
	return r.lookForCommands()
}

// lookUp looks a token up in Vault with that token.
func (r *reader) lookUp(ctx context.Context, token string) (left time.Duration, meta map[string]any, err error) {
	client, err := r.vault.Client.Clone()
	if err != nil {
		return 0, nil, err
	}
	client.SetToken(token)
	secret, err := client.Auth().Token().LookupSelfWithContext(ctx)
	if err != nil {
		return 0, nil, err
	}
	if left, err = secret.TokenTTL(); err != nil {
		return 0, nil, err
	}
	meta, _ = secret.Data["meta"].(map[string]any) // nil if there is none
	return left, meta, nil
}

// lookForCommands reads the lines that the command has added.
func (r *reader) lookForCommands() error {
	text, err := os.ReadFile(r.Path("changes"))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	lines := strings.SplitAfter(string(text), "\n")
	complete := lines[:len(lines)-1] // the last one is empty, or half written
	for _, line := range complete[r.commands:] {
		sum, _, _ := strings.Cut(line, " ")
		r.observe(event{kind: commandRan, digest: sum})
	}
	r.commands = len(complete)
	return nil
}

func digest(text []byte) string {
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:])
}
