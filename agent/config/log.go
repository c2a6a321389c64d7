// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package config

import (
	"cmp"
	"maps"
	"path/filepath"
	"strings"
	"time"

	"github.com/certagent/certagent/agent/config/hclread"
)

// Log is the configuration of the log.
type Log struct {
	Level  string // trace, debug, info, warn or error
	Format string // standard or json
	// File is the file to which the log is written in addition to standard
	// error; empty: none.
	File           string
	RotateBytes    int           // 0: no limit
	RotateDuration time.Duration // 0: no limit
	RotateMaxFiles int           // 0: keep all; negative: keep none
}

// logSettings holds the log settings as one file, the environment or the flags
// set them. They are checked together, after all have been merged.
type logSettings struct {
	level, format, file, rotateDuration string
	rotateBytes, rotateMaxFiles         *int
	// origin holds, for each key, where it was set: a problem without a
	// message.
	origin map[string]Problem
}

func readLogSettings(s *scope) logSettings {
	var k logSettings
	get(s, "log_level", asText, &k.level)
	get(s, "log_format", asText, &k.format)
	get(s, "log_file", asText, &k.file)
	get(s, "log_rotate_duration", asText, &k.rotateDuration)
	k.rotateBytes = optionalNumber(s, "log_rotate_bytes")
	k.rotateMaxFiles = optionalNumber(s, "log_rotate_max_files")
	k.origin = map[string]Problem{}
	for _, it := range s.items {
		if name := strings.ToLower(it.Name); strings.HasPrefix(name, "log_") {
			k.origin[name] = Problem{Kind: StartError, Pos: s.src.Pos(it.Offset), Name: name}
		}
	}
	return k
}

func optionalNumber(s *scope, name string) *int {
	var n int
	if !get(s, name, asNumeric, &n) {
		return nil
	}
	return &n
}

// merge returns the settings with those of a later file taking precedence.
func (k logSettings) merge(later logSettings) logSettings {
	return logSettings{
		level:          cmp.Or(later.level, k.level),
		format:         cmp.Or(later.format, k.format),
		file:           cmp.Or(later.file, k.file),
		rotateDuration: cmp.Or(later.rotateDuration, k.rotateDuration),
		rotateBytes:    cmp.Or(later.rotateBytes, k.rotateBytes),
		rotateMaxFiles: cmp.Or(later.rotateMaxFiles, k.rotateMaxFiles),
		origin:         mergeOrigins(k.origin, later.origin),
	}
}

func mergeOrigins(earlier, later map[string]Problem) map[string]Problem {
	merged := map[string]Problem{}
	maps.Copy(merged, earlier)
	maps.Copy(merged, later)
	return merged
}

var logLevels = map[string]string{
	"": "info", "notice": "info", "info": "info", "trace": "trace", "debug": "debug",
	"warn": "warn", "warning": "warn", "err": "error", "error": "error",
}

// resolve checks the settings and returns the result. Vault Agent checks them
// when it starts.
func (k logSettings) resolve(problems *Problems) Log {
	problem := func(name, message, hint string) {
		p := k.origin[name]
		p.Message, p.Hint = message, hint
		*problems = append(*problems, p)
	}
	l := Log{Format: cmp.Or(strings.ToLower(strings.TrimSpace(k.format)), "standard"), File: k.file}
	level, known := logLevels[strings.ToLower(strings.TrimSpace(k.level))]
	if !known {
		problem("log_level", "unknown log level", "write trace, debug, info, warn or error")
	}
	l.Level = level
	if l.Format != "standard" && l.Format != "json" {
		problem("log_format", "unknown log format", "write standard or json")
	}
	if strings.HasSuffix(l.File, "/") {
		l.File = filepath.Join(l.File, "vault.log") // the name that Vault Agent uses
	}
	if strings.ContainsAny(l.File, "*?[") {
		problem("log_file", "must not contain *, ? or [", "choose another name: rotated files are found by a pattern made from it")
	}
	l.RotateBytes, l.RotateMaxFiles = orZero(k.rotateBytes), orZero(k.rotateMaxFiles)
	if l.File != "" {
		l.RotateDuration = 24 * time.Hour
	}
	if k.rotateDuration != "" {
		d, err := asSeconds(hclread.Value{Kind: hclread.String, Text: k.rotateDuration})
		if err != nil {
			problem("log_rotate_duration", err.Error(), `write for example "24h"`)
		}
		l.RotateDuration = d
	}
	return l
}

func orZero(n *int) int {
	if n == nil {
		return 0
	}
	return *n
}
