// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package bundle

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/hashicorp/vault/api"

	"github.com/certagent/certagent/agent/secrets"
	"github.com/certagent/certagent/exec"
	"github.com/certagent/certagent/safefile"
	"github.com/certagent/certagent/vaultreq"
)

// pluginTimeout is consul-template's time-out for a plugin.
const pluginTimeout = 30 * time.Second

// source is what the templates of one rendering read from. All of them see the
// same version of a secret and of a file.
type source struct {
	ctx     context.Context
	answers func(vaultreq.Request) (*secrets.Answer, bool)
	seen    map[vaultreq.Request]*secrets.Answer
	files   map[string]string // contents
	outside atomic.Bool       // a template has read a file or run a program
}

func newSource(ctx context.Context, answers func(vaultreq.Request) (*secrets.Answer, bool)) *source {
	return &source{
		ctx:     ctx,
		answers: answers,
		seen:    make(map[vaultreq.Request]*secrets.Answer),
		files:   make(map[string]string),
	}
}

// Secret implements render.Source.
func (s *source) Secret(request vaultreq.Request) (*api.Secret, bool) {
	answer, known := s.seen[request]
	if !known {
		if answer, known = s.answers(request); !known {
			return nil, false
		}
		s.seen[request] = answer
	}
	return answer.Secret, true
}

// File implements render.Source.
func (s *source) File(path string) (string, error) {
	s.outside.Store(true)
	if content, known := s.files[path]; known {
		return content, nil
	}
	b, err := safefile.Read(path, safefile.MaxInput)
	if err != nil {
		return "", err
	}
	s.files[path] = string(b)
	return string(b), nil
}

// Plugin implements render.Source.
func (s *source) Plugin(name string, args []string) (string, error) {
	s.outside.Store(true)
	ctx, cancel := context.WithCancel(s.ctx)
	defer cancel()
	stdout := pluginOutput{full: cancel}
	_, err := exec.Run(ctx, exec.Command{Args: append([]string{name}, args...), Timeout: pluginTimeout, Stdout: &stdout})
	switch {
	case stdout.exceeded:
		return "", fmt.Errorf("plugin: command %q: it printed more than %d MiB", exec.CommandLine([]string{name}), largestOutput>>20)
	case err != nil:
		return "", fmt.Errorf("plugin: %w", err)
	}
	return stdout.String(), nil
}

// largestOutput is how much a plugin may print, in bytes.
const largestOutput = 16 << 20

// pluginOutput collects what a plugin prints, and calls full if that is too much.
type pluginOutput struct {
	bytes.Buffer
	full     func()
	exceeded bool
}

// Write implements io.Writer.
func (o *pluginOutput) Write(p []byte) (int, error) {
	if o.Len()+len(p) > largestOutput {
		o.exceeded = true
		o.full()
		return len(p), nil
	}
	return o.Buffer.Write(p)
}

// digests returns the digests of the files that were read.
func (s *source) digests() map[string]string {
	sums := make(map[string]string, len(s.files))
	for path, content := range s.files {
		sum := sha256.Sum256([]byte(content))
		sums[path] = hex.EncodeToString(sum[:])
	}
	return sums
}

// noAnswers is the source of a template that is executed only to find out its first
// requests.
type noAnswers struct{}

func (noAnswers) Secret(vaultreq.Request) (*api.Secret, bool) { return nil, false }
func (noAnswers) File(path string) (string, error) {
	b, err := safefile.Read(path, safefile.MaxInput)
	return string(b), err
}
func (noAnswers) Plugin(string, []string) (string, error) { return "", nil }
