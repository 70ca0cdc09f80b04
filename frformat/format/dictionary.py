"""The preset dictionary of the directory's DEFLATE stream (specification, appendix A)."""

from typing import Final

DICTIONARY: Final = (
    b"accuracylicenseApache-2.0MITsourcefrformattier.cls_tokenpos_embedposition_embeddings"
    b"patch_embed.proj.embed_tokens.tok_embeddings.wte.wpe.lm_head.rel_pos.lora_A.lora_B.encoder.decoder."
    b"transformer.model.layers.0.self_attn.in_proj_weightin_proj_biasq_proj.k_proj.v_proj.o_proj.out_proj."
    b"attention.query.key.value.qkv.proj.mlp.fc1.fc2.gate_proj.up_proj.down_proj.dense.linear1.linear2."
    b"classifier.head.features.blocks.0.stages.0.input_layernorm.LayerNorm.gamma.beta.norm1.norm2.norm."
    b"num_batches_trackedrunning_varrunning_meanshortcut.downsample.0.layer1.0.conv1.conv2.bn1.bn2."
    b"up1.up.down1.maxpool_conv.1.outc.inc.double_conv.0.conv.fc.0.bias0.weight"
) + bytes.fromhex(
    "9410030303 9410100303 9420100303 9420200303 9440200303 9440400303 94cc80400303 94cc80cc800303"
    "94cd0100cc800303 94cd0100cd01000303 94cd0200cd01000303 94cd0200cd02000303 94cd0400cd02000303 94cd0400cd04000303"
)
"""Common metadata, common parts of the names of tensors, and shapes of 3×3 convolutions."""
