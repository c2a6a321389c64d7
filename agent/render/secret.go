// Copyright (c) The certagent authors
// SPDX-License-Identifier: MPL-2.0

package render

import (
	"maps"
	"reflect"
	"slices"

	"github.com/hashicorp/consul-template/dependency"
	"github.com/hashicorp/vault/api"
)

// librarySecret returns an answer in the type that templates expect; nil for one without
// content, such as that to a write to KV version 1, so that "with" takes its "else". The
// data is a copy, because functions such as mergeMap change their arguments.
func librarySecret(s *api.Secret) *dependency.Secret {
	if s == nil || reflect.DeepEqual(*s, api.Secret{}) {
		return nil
	}
	c := &dependency.Secret{
		RequestID:     s.RequestID,
		LeaseID:       s.LeaseID,
		LeaseDuration: s.LeaseDuration,
		Renewable:     s.Renewable,
		Warnings:      s.Warnings,
	}
	if len(s.Data) > 0 {
		c.Data = clone(s.Data).(map[string]any)
	}
	if a := s.Auth; a != nil {
		c.Auth = &dependency.SecretAuth{
			ClientToken:   a.ClientToken,
			Accessor:      a.Accessor,
			Policies:      slices.Clone(a.Policies),
			Metadata:      maps.Clone(a.Metadata),
			LeaseDuration: a.LeaseDuration,
			Renewable:     a.Renewable,
		}
	}
	if w := s.WrapInfo; w != nil {
		c.WrapInfo = &dependency.SecretWrapInfo{
			Token:           w.Token,
			TTL:             w.TTL,
			CreationTime:    w.CreationTime,
			WrappedAccessor: w.WrappedAccessor,
		}
	}
	return c
}

// clone returns a deep copy of a JSON value.
func clone(value any) any {
	switch v := value.(type) {
	case map[string]any:
		c := make(map[string]any, len(v))
		for name, item := range v {
			c[name] = clone(item)
		}
		return c
	case []any:
		c := make([]any, len(v))
		for i, item := range v {
			c[i] = clone(item)
		}
		return c
	}
	return value
}
