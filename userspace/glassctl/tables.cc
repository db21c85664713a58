// SPDX-License-Identifier: GPL-2.0
#include "glassctl/tables.h"

#include "glassctl/kinds.h"
#include "lib/control.h"
#include "lib/family.h"

namespace glass::ctl {

OpsTables read_tables(LayerMap &layers)
{
	OpsTables tables;
	auto control = loaded_family() ? Control::open() : Result<Control>(std::error_code());

	if (!loaded_family() || !control)
		return tables;
	for (const SocketKind &kind : socket_kinds()) {
		const Fd socket = kind.is_there() ? open_socket(kind) : Fd();

		if (!socket)
			continue;
		for (const OpsTable which : {OpsTable::ProtoOps, OpsTable::Proto}) {
			const auto ops = control->ops(socket.get(), which);

			if (!ops)
				continue;
			for (const auto &[member, function] : ops->members) {
				if (function.empty() || function == "?")
					continue;
				tables[ops->symbol].emplace(function, member);
				layers.learn(function, which == OpsTable::Proto ? Layer::Proto
										: Layer::ProtoOps);
			}
		}
	}
	return tables;
}

} // namespace glass::ctl
