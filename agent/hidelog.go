// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package agent

import (
	"context"
	"fmt"
	"log/slog"

	"github.com/certagent/certagent/agent/client"
)

// hidingHandler hides the secrets that requests to Vault have carried in whatever is
// logged: what a command prints and what others answer may contain them.
type hidingHandler struct {
	slog.Handler
	known *client.Known
}

func (h hidingHandler) Handle(ctx context.Context, r slog.Record) error {
	changed := false
	attributes := make([]slog.Attr, 0, r.NumAttrs())
	r.Attrs(func(a slog.Attr) bool {
		hidden, differs := h.hide(a)
		attributes, changed = append(attributes, hidden), changed || differs
		return true
	})
	message := h.known.Hide(r.Message)
	if changed || message != r.Message {
		hidden := slog.NewRecord(r.Time, r.Level, message, r.PC)
		hidden.AddAttrs(attributes...)
		r = hidden
	}
	return h.Handler.Handle(ctx, r)
}

func (h hidingHandler) WithAttrs(attributes []slog.Attr) slog.Handler {
	hidden := make([]slog.Attr, len(attributes))
	for i, a := range attributes {
		hidden[i], _ = h.hide(a)
	}
	return hidingHandler{h.Handler.WithAttrs(hidden), h.known}
}

func (h hidingHandler) WithGroup(name string) slog.Handler {
	return hidingHandler{h.Handler.WithGroup(name), h.known}
}

// hide returns the attribute without secrets, and whether it had any.
func (h hidingHandler) hide(a slog.Attr) (hidden slog.Attr, differs bool) {
	var text string
	switch value := a.Value.Resolve(); value.Kind() {
	case slog.KindString:
		text = value.String()
	case slog.KindAny:
		if value.Any() == nil {
			return a, false
		}
		text = fmt.Sprint(value.Any())
	case slog.KindGroup:
		group := make([]slog.Attr, 0, len(value.Group()))
		for _, member := range value.Group() {
			member, changed := h.hide(member)
			group, differs = append(group, member), differs || changed
		}
		if differs {
			return slog.Attr{Key: a.Key, Value: slog.GroupValue(group...)}, true
		}
		return a, false
	default:
		return a, false
	}
	if clean := h.known.Hide(text); clean != text {
		return slog.String(a.Key, clean), true
	}
	return a, false
}
