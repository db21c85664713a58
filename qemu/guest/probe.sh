#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# Does this kind of machine run a kernel at all? It does.
