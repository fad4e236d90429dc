#pragma once

// A hash or a trie of ids in which both halves of the configuration stand: the half is in the key.

#include <array>
#include <cerrno>
#include <cstdint>
#include <cstring>
#include <map>
#include <utility>
#include <vector>

#include <bpf/bpf.h>

#include "model/result.hpp"
#include "policy/identities.hpp"

namespace proxip::dataplane {

template <typename Key>
class KeyedHalves {
  public:
    using Wanted = std::vector<std::pair<Key, policy::Id>>;

    // Learns what the table holds.
    template <typename HalfOf>
    void adopt(int table, const HalfOf& half_of) {
        Key key{};
        Key* previous = nullptr;
        Key next{};
        while (bpf_map_get_next_key(table, previous, &next) == 0) {
            policy::Id id = 0;
            if (const std::uint32_t half = half_of(next); half < 2 && bpf_map_lookup_elem(table, &next, &id) == 0) {
                halves_[half].emplace(bytes_of(next), id);
            }
            key = next;
            previous = &key;
        }
    }

    // The half as it shall be; what is right already is not touched.
    [[nodiscard]] Result<void> write(int table, std::uint32_t half, const Wanted& entries) {
        auto& known = halves_[half];
        Held wanted;
        for (const auto& [key, id] : entries) {
            wanted.emplace(bytes_of(key), id);
        }
        std::erase_if(known, [&](const auto& entry) {
            const bool gone = !wanted.contains(entry.first);
            if (gone) {
                (void)bpf_map_delete_elem(table, entry.first.data());
            }
            return gone;
        });
        for (const auto& [key, id] : wanted) {
            if (auto entry = known.find(key); entry != known.end() && entry->second == id) {
                continue;
            }
            if (bpf_map_update_elem(table, key.data(), &id, BPF_ANY) != 0) {
                return fail_errno("cannot write a table of the configuration", errno);
            }
            known[key] = id;
        }
        return {};
    }

  private:
    using Bytes = std::array<std::uint8_t, sizeof(Key)>;
    using Held = std::map<Bytes, policy::Id>;

    static Bytes bytes_of(const Key& key) {
        Bytes bytes{};
        std::memcpy(bytes.data(), &key, sizeof key);
        return bytes;
    }

    std::array<Held, 2> halves_;
};

} // namespace proxip::dataplane
