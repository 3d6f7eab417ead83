# SPDX-License-Identifier: BSD-3-Clause
"""ClientHellos from many addresses with a random of their own: a stateless profile for TRex.

The packet is the first one of hello.pcap beside this file, which hellogen writes; TRex's field engine
writes source address, source port and the 32 bytes of the hello's random into every copy, and has the
UDP checksum made by the network card. In the console:

    start -f hello.py -m 1mpps -d 10 -t src=198.18.128.1,last=198.18.255.254
"""
from trex_stl_lib.api import (CTRexVmInsFixHwCs, STLPktBuilder, STLScVmRaw, STLStream,
                              STLStreamDstMAC_PKT, STLTXCont, STLVmFixChecksumHw, STLVmFlowVar,
                              STLVmWrFlowVar)

IP, UDP = 14, 34            # offsets in the frame
SOURCE, PORT = IP + 12, UDP
RANDOM = UDP + 8 + 27       # record and message header of 25 bytes, client_version
WORD = 8                    # the largest variable of the field engine


class Hello:
    def get_streams(self, direction=0, src='198.18.128.1', last='198.18.255.254', **_):
        commands = [
            STLVmFlowVar(name='source', min_value=src, max_value=last, size=4, op='random'),
            STLVmWrFlowVar(fv_name='source', pkt_offset=SOURCE),
            STLVmFlowVar(name='port', min_value=1024, max_value=65535, size=2, op='random'),
            STLVmWrFlowVar(fv_name='port', pkt_offset=PORT),
        ]
        for i in range(32 // WORD):
            commands += [
                STLVmFlowVar(name=f'random{i}', min_value=0, max_value=2 ** 63 - 1, size=WORD,
                             op='random'),
                STLVmWrFlowVar(fv_name=f'random{i}', pkt_offset=RANDOM + i * WORD),
            ]
        # The last command: it needs the packet as it will be.
        commands.append(STLVmFixChecksumHw(l3_offset=IP, l4_offset=UDP,
                                           l4_type=CTRexVmInsFixHwCs.L4_TYPE_UDP))
        packet = STLPktBuilder(pkt='hello.pcap', vm=STLScVmRaw(commands),
                               path_relative_to_profile=True)
        # The gateway's MAC address is the packet's, whatever TRex's configuration says of the port.
        return [STLStream(packet=packet, mode=STLTXCont(),
                          mac_dst_override_mode=STLStreamDstMAC_PKT)]


def register():
    return Hello()
