/* SPDX-License-Identifier: GPL-2.0 */
/**
 * @file
 * Where in the kernel a function stands, on the way of a socket call.
 */
#ifndef GLASS_LIB_LAYER_H
#define GLASS_LIB_LAYER_H

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace glass {

/** The way down to the device and up again; behind it, what every layer needs. */
enum class Layer : std::uint8_t {
	SystemCall, /**< entry, addresses and vectors from user space */
	Vfs,	    /**< descriptors, files, inodes, polling */
	Sockfs,	    /**< net/socket.c: struct file to struct socket */
	ProtoOps,   /**< functions in a struct proto_ops */
	Proto,	    /**< functions in a struct proto, and the protocol behind them */
	Output,	    /**< header, checksum, route, neighbour */
	Device,	    /**< queueing disciplines, the device itself */
	Input,	    /**< from the device to a socket */
	Wakeup,	    /**< telling whoever waits */
	Buffers,    /**< struct sk_buff, and the copies from and to user space */
	// From here on noise: true, needed, and in the reader's way.
	Locks,
	Rcu,
	Memory,
	Accounting,
	Security,
	Scheduler,
	Interrupt,
};

constexpr std::size_t layers = static_cast<std::size_t>(Layer::Interrupt) + 1;

/** For people: `VFS`, `proto_ops`, `wake-up`. */
std::string_view layer_title(Layer layer);
/** For programs: `vfs`, `proto_ops`, `wakeup`. */
std::string_view layer_key(Layer layer);
constexpr bool is_noise(Layer layer)
{
	return layer >= Layer::Locks;
}

/**
 * Tells the layer of a function by its name, from a table of names and of how
 * names begin, where the longest match wins; and from the kernel's own tables
 * of functions, once they are known.
 */
class LayerMap
{
public:
	LayerMap();

	/** @p function stands in a struct proto_ops or struct proto, which the names cannot tell. */
	void learn(std::string_view function, Layer layer);
	/**
	 * Nothing for a function that has no part in a socket call, or is not
	 * known here. @p module is empty for the kernel itself.
	 */
	std::optional<Layer> find(std::string_view function, std::string_view module) const;

private:
	struct Hash {
		using is_transparent = void;
		std::size_t operator()(std::string_view text) const
		{
			return std::hash<std::string_view>{}(text);
		}
	};
	template <typename Value>
	using ByName = std::unordered_map<std::string, Value, Hash, std::equal_to<>>;
	/* A layer, or none for what shall not be matched by something shorter. */
	using Names = ByName<std::optional<Layer>>;
	struct Table {
		Names exact;
		Names prefixes;
		std::size_t shortest = SIZE_MAX;
		std::size_t longest = 0;

		void add(std::optional<Layer> layer, std::string_view words);
		const std::optional<Layer> *find(std::string_view name) const;
	};

	Table core_;
	ByName<Table> modules_;
};

} // namespace glass

#endif // GLASS_LIB_LAYER_H
